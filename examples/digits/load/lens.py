"""What a camera does to the images before they are sent: for showing what drifted input looks like."""

from __future__ import annotations

from dataclasses import dataclass

SIDE = 8
MOST_INK = 16.0


@dataclass(frozen=True)
class Lens:
    """A camera.

    `darken` is the ink added to each pixel, 0 to 16, as of an exposure that is too short; `turns` is how often the
    image is turned by 90 degrees clockwise.
    """

    darken: float = 0.0
    turns: int = 0

    def taken(self, pixels: list[float]) -> list[float]:
        """Return the 64 pixels of an image as this camera takes it."""
        rows = [pixels[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE)]
        for _ in range(self.turns % 4):
            rows = [list(row) for row in zip(*rows[::-1], strict=True)]
        return [min(MOST_INK, pixel + self.darken) for row in rows for pixel in row]


AS_DRAWN = Lens()
