"""Pictures of pages: kept small for the documentation, and compared coarsely with those that are there already.

Everything is decoded in the browser that took them, so that nothing else is needed.
"""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from playwright.sync_api import Page

CELLS = (96, 54)
"""Columns and rows of cells, of 20 by 20 pixels of a screen of 1920 by 1080."""
CLEARLY = 12.0
"""Of 255: a cell whose mean luminance differs by more than this differs clearly."""
STILL = 0.015
"""So much of a picture in which only values change may differ clearly: other values were at most 0.2 % of it, measured. A banner that
is gone was 9 to 14 %, gaps of double width 5 to 10 %, a header higher by 12 pixels 3 to 6 %; of pages with little on them less."""
LIVELY = 0.08
"""The same where lines are drawn, rows come, or columns are as wide as their contents: 1.5 to 4 %, measured between runs at other loads."""

_PIXELS = """async ([png, width, height]) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = width || image.naturalWidth;
    canvas.height = height || image.naturalHeight;
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const parts = [];
    for (let at = 0; at < data.length; at += 32768) parts.push(String.fromCharCode(...data.subarray(at, at + 32768)));
    return [canvas.width, canvas.height, btoa(parts.join(""))];
}"""


def pixels(blank: Page, png: bytes, size: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
    """Red, green and blue, shape (height, width, 3), scaled to a size where one is given; `blank` is a page at about:blank."""
    width, height, data = blank.evaluate(_PIXELS, [base64.b64encode(png).decode(), *size])
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3]


def cells(blank: Page, png: bytes) -> NDArray[np.float64]:
    """The mean luminance of each cell (ITU-R BT.601), shape (rows, columns), 0 to 255."""
    found: NDArray[np.float64] = pixels(blank, png, CELLS) @ np.array([0.299, 0.587, 0.114])
    return found


def share_that_differs(blank: Page, one: bytes, other: bytes) -> float:
    """How much of two pictures differs clearly, 0 to 1."""
    return float(np.mean(np.abs(cells(blank, one) - cells(blank, other)) > CLEARLY))


def made_small(blank: Page, png: bytes) -> bytes:
    """The same picture with a palette of its 256 most frequent colors; each other color becomes the nearest of them."""
    picture = pixels(blank, png).astype(np.uint32)
    packed = picture[..., 0] << 16 | picture[..., 1] << 8 | picture[..., 2]
    colors, places, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = colors[np.sort(np.argsort(-counts, kind="stable")[:256])]
    nearest = np.empty(colors.size, np.uint8)
    for start in range(0, colors.size, 4096):
        part = _parts(colors[start : start + 4096])[:, None, :] - _parts(kept)[None, :, :]
        nearest[start : start + 4096] = np.argmin((part * part).sum(axis=2), axis=1)
    rows = nearest[places.reshape(packed.shape)]
    lines = np.zeros((rows.shape[0], rows.shape[1] + 1), np.uint8)
    lines[:, 1:] = rows
    header = struct.pack(">IIBBBBB", rows.shape[1], rows.shape[0], 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", _parts(kept).astype(np.uint8).tobytes()), (b"IDAT", zlib.compress(lines.tobytes(), 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in (*chunks, (b"IEND", b"")))


def _parts(colors: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Red, green and blue of packed colors, shape (n, 3)."""
    return np.stack([colors >> 16 & 255, colors >> 8 & 255, colors & 255], axis=1).astype(np.int64)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Album:
    """The pictures of the documentation: written where a folder is named, otherwise compared with those in `committed`."""

    def __init__(self, blank: Page, committed: Path, written: Path | None) -> None:
        self._blank = blank
        self._committed, self._written = committed, written
        self.taken: list[str] = []
        self.problems: list[str] = []
        """What is wrong with the committed pictures, in words."""
        self.shares: dict[str, float] = {}
        """How much of each picture differs clearly from the committed one."""

    def take(self, page: Page, name: str, most: float = STILL) -> None:
        """Takes a picture of a page as it is shown; `most` of it may differ clearly from the committed one."""
        self.taken.append(name)
        png = page.screenshot(animations="disabled", caret="hide")
        if self._written:
            (self._written / f"{name}.png").write_bytes(made_small(self._blank, png))
            return
        path = self._committed / f"{name}.png"
        if not path.exists():
            self.problems.append(f"{path.name} is missing: run make pictures")
            return
        self.shares[name] = share_that_differs(self._blank, png, path.read_bytes())
        if self.shares[name] > most:
            self.problems.append(
                f"{path.name} differs in {self.shares[name]:.1%} of its cells: look at the page, run make pictures"
            )
