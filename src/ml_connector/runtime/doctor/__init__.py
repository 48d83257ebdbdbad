"""The doctor: every part that a connection needs, looked at one by one. What looks acts; what judges is pure."""
