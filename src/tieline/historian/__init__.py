"""The historian: commits every batch of samples exactly once, keeps it, and answers questions about it."""

from tieline.historian.client import AsyncClient, Client, FileReader, open_asker, query
from tieline.historian.connection import FILE_NAME
from tieline.historian.errors import HeldError, QueryError
from tieline.historian.reader import Reader
from tieline.historian.server import HistorianServer
from tieline.historian.store import Care, Historian
from tieline.historian.terms import CommitResult, Retention

__all__ = [
    "FILE_NAME",
    "AsyncClient",
    "Care",
    "Client",
    "CommitResult",
    "FileReader",
    "HeldError",
    "Historian",
    "HistorianServer",
    "QueryError",
    "Reader",
    "Retention",
    "open_asker",
    "query",
]
