"""What the proofs and budgets say about a described network: one report, in words, as a page and as a document."""

from tieline.network.report.document import document_of
from tieline.network.report.first import First, first_of
from tieline.network.report.made import Report, report_of
from tieline.network.report.page import page_of
from tieline.network.report.topics import Topic, Weakness
from tieline.network.report.words import lines_of, verdicts_of

__all__ = ["First", "Report", "Topic", "Weakness", "document_of", "first_of", "lines_of", "page_of", "report_of", "verdicts_of"]
