"""A deframer that lets somebody look at each frame before the line routes it."""

from __future__ import annotations

from collections.abc import Callable

from tieline.protocols.dnp3.frame import Deframer, LinkFrame


class WatchedDeframer(Deframer):
    """`on_frame` may still put the station on the line that the frame is for."""

    def __init__(self, on_frame: Callable[[LinkFrame], None] | None = None) -> None:
        super().__init__()
        self.frames = 0
        """Right frames, whoever they were for."""
        self._on_frame = on_frame

    def receive(self, data: bytes) -> list[LinkFrame]:
        """The frames that these octets complete."""
        frames = super().receive(data)
        self.frames += len(frames)
        if self._on_frame is not None:
            for frame in frames:
                self._on_frame(frame)
        return frames
