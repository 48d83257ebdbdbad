"""Dynamics GP over its Web Services (the legacy endpoint: SOAP 1.1, namespace .../dynamics/gp/2006/01)."""
