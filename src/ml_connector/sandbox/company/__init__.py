"""Dynamics GP, as far as a connector sees it: a company's books, and the servers that stand before them."""

from ml_connector.sandbox.company.books import Company
from ml_connector.sandbox.company.dialects import DIALECTS
from ml_connector.sandbox.company.ntlm import GPCONNECT, WindowsUser
from ml_connector.sandbox.company.records import Draft, Kind, Module, Settings
from ml_connector.sandbox.company.sba import SbaApplication
from ml_connector.sandbox.company.soap import SoapApplication

__all__ = [
    "DIALECTS",
    "GPCONNECT",
    "Company",
    "Draft",
    "Kind",
    "Module",
    "SbaApplication",
    "Settings",
    "SoapApplication",
    "WindowsUser",
]
