"""A real Active Directory domain controller (Samba) on loopback, for the tests of Kerberos."""
