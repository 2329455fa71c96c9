"""Lists of VLANs as people write them on switches: `11 40-42`, `all`, `none`."""

from __future__ import annotations

from functools import lru_cache

LAST_VLAN = 4094


@lru_cache(maxsize=4_096)
def parse_vlans(text: str, every: frozenset[int]) -> frozenset[int]:
    """The VLANs; `all` is `every`. Raises `ValueError` in words; the same list gives the same object, as thousands of ports repeat it."""
    if text == "all":
        return every
    if text == "none":
        return frozenset()
    found: set[int] = set()
    for part in text.replace(";", " ").replace(",", " ").split():
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(f"{part} is no VLAN; write for example 11 40-42, all or none")
        low, high = int(first), int(last) if dash else int(first)
        if not 1 <= low <= high <= LAST_VLAN:
            raise ValueError(f"{part} is not within 1 to {LAST_VLAN}, the lower first; correct it")
        found.update(range(low, high + 1))
    return frozenset(found)


def format_vlans(vlans: frozenset[int] | set[int]) -> str:
    """The list, in ranges: `11 40-42`; `none` for none."""
    if not vlans:
        return "none"
    parts: list[str] = []
    ordered = sorted(vlans)
    start = before = ordered[0]
    for vlan in [*ordered[1:], LAST_VLAN + 2]:
        if vlan != before + 1:
            parts.append(str(start) if start == before else f"{start}-{before}")
            start = vlan
        before = vlan
    return " ".join(parts)
