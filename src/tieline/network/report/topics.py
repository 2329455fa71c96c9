"""What a report judges one by one, and what it found wrong there."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.network.result import Result, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Weakness:
    """Something that is wrong, or that cannot be judged."""

    topic: str
    """The key of its topic."""
    subject: str
    """A link, node, service, ring, supply or zone, as the description names it; empty where there is no one thing."""
    text: str
    """One line."""
    lines: tuple[str, ...] = ()
    """Below it: the way of a frame; formula, inputs and source."""
    verdict: Verdict = Verdict.FAILS


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One of the things that are judged."""

    key: str
    """For machines, for example `poe`."""
    title: str
    weaknesses: tuple[Weakness, ...]
    summary: str
    """How it stands, in one line."""
    results: tuple[Result, ...] = ()
    """Those that were computed; none of the proofs."""
    is_judged: bool = True
    """Whether there was anything to judge, and it was."""

    @property
    def verdict(self) -> Verdict:
        """The worst that is in it; `information` where nothing was judged."""
        found = {each.verdict for each in self.weaknesses}
        right = Verdict.OK if self.is_judged else Verdict.INFORMATION
        return next((each for each in (Verdict.FAILS, Verdict.UNKNOWN) if each in found), right)
