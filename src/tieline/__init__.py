"""Tieline joins the operational and the information technology of a power utility."""

__version__ = "0.1.0"
