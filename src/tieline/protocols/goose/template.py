"""What a publisher repeats is read once.

A publisher sends the same octets again and again; what changes stands at the same places. A frame that was read element by element becomes
a template: the frame as one large number, with a mask that leaves the changing octets out. A later frame of the same length whose number
agrees under the mask has every tag, length and text of the first one, so that its values can be taken from the known places. Whatever
does not agree is read element by element again.

Octets that decide whether a value is well formed belong to the mask, so that nothing is accepted this way that would not be accepted the
other way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

_MAX_KEYS = 4_096
_MAX_TEMPLATES = 16
"""Of one address: counters grow in width, and several control blocks may share it."""
_KEY_SIZE = 22


class Template:
    """A frame without what changes; nothing from `stop` on is compared."""

    def __init__(self, frame: bytes, changing: Iterable[tuple[int, int]], stop: int) -> None:
        self.size = len(frame)
        mask = bytearray(b"\xff" * stop + bytes(self.size - stop))
        for start, end in changing:
            mask[start:end] = bytes(end - start)
        self.mask = int.from_bytes(mask, "big")
        self.fixed = int.from_bytes(frame, "big") & self.mask


T = TypeVar("T", bound=Template)


class TemplateCache(Generic[T]):
    """The templates that were met last; as many as a large network has, and no more."""

    def __init__(self) -> None:
        self._templates: dict[bytes, list[T]] = {}

    def find(self, frame: bytes) -> T | None:
        """The template that a frame agrees with."""
        known = self._templates.get(frame[:_KEY_SIZE])
        if known is not None:
            size, number = len(frame), int.from_bytes(frame, "big")
            for template in known:
                if template.size == size and number & template.mask == template.fixed:
                    return template
        return None

    def add(self, frame: bytes, template: T) -> None:
        """Remembers the template of a frame that none was found for."""
        key = frame[:_KEY_SIZE]
        known = self._templates.get(key)
        if known is None:
            if len(self._templates) >= _MAX_KEYS:
                del self._templates[next(iter(self._templates))]
            known = self._templates[key] = []
        known.insert(0, template)
        del known[_MAX_TEMPLATES:]
