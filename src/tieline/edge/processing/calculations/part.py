"""What the calculations of one kind have in common for those that call them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from tieline.edge.processing.calculations.fanout import Index
from tieline.model import Now, Samples


class Part(ABC):
    """The calculations of one kind at one level. What most kinds do not have does nothing here."""

    late = 0
    """Samples that were left out because they came too late."""

    @abstractmethod
    def take(self, rows: Index, samples: Samples) -> Samples:
        """The results due to samples of these rows of the site's points."""

    def tick(self, now: Now) -> Samples:  # noqa: ARG002 - most have nothing to do as time passes
        """The results due at this moment."""
        return Samples.empty()

    def remember(self) -> dict[str, Any]:
        """What is to be kept over a restart."""
        return {}

    def recall(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - most keep nothing
        """Goes on from what was kept; what does not fit is ignored."""
