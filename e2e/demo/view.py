"""Shows a scene: on a terminal as a block that is redrawn, elsewhere as lines that make a transcript."""

import shutil
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

from e2e.demo import drawing
from e2e.demo.scene import Scene

_STOOD_S = 1.0
_REASON_S = 5.0
_REPEAT_S = 10.0


class View(Protocol):
    """One way of showing."""

    def begin(self, title: str) -> None:
        """A chapter."""

    def say(self, text: str) -> None:
        """A text that stays."""

    def show(self, scene: Scene) -> None:
        """The scene as it is now."""

    def finish(self, scene: Scene) -> None:
        """The scene at the end of a chapter."""


Cells = Mapping[str, str]


class Transcript:
    """Lines, for readers of a file.

    A new phase or stage is shown at once, a new weight when it has stood for a second, and a new verdict, of which
    there may be several a second, when the line before has stood for some; so that shares are seen to follow,
    the line comes again when nothing changes.
    """

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._began = now()
        self._seen: Cells = {}
        self._seen_at = 0.0
        self._shown: Cells = {}
        self._shown_at = 0.0

    def begin(self, title: str) -> None:
        self._shown = {}
        self._print(f"\n{title}")

    def say(self, text: str) -> None:
        self._print(text)

    def show(self, scene: Scene) -> None:
        now = self._now()
        # The age changes by itself.
        cells = {name: cell for name, cell in scene.cells.items() if name != "AGE"}
        if cells != self._seen:
            self._seen, self._seen_at = cells, now
        if cells and self._due(cells, now):
            self._show(cells, scene, now)

    def finish(self, scene: Scene) -> None:
        """The last line of a chapter, however short it has stood."""
        cells = {name: cell for name, cell in scene.cells.items() if name != "AGE"}
        if cells and cells != self._shown:
            self._show(cells, scene, self._now())

    def _due(self, cells: Cells, now: float) -> bool:
        def differs(*names: str) -> bool:
            return any(cells.get(name) != self._shown.get(name) for name in names)

        if differs("PHASE", "STAGE"):
            return True
        stood, since_shown = now - self._seen_at, now - self._shown_at
        if differs("WEIGHT"):
            return stood >= _STOOD_S
        return since_shown >= (_REASON_S if differs("VERDICT") else _REPEAT_S)

    def _show(self, cells: Cells, scene: Scene, now: float) -> None:
        if not self._shown:
            self._print(drawing.transcript_heading(cells))
        self._shown, self._shown_at = cells, now
        self._print(drawing.transcript_line(cells, scene.shares.by_version(), now - self._began))

    def _print(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class Terminal:
    """A block that stays in its place; what is said goes above it."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._began = now()
        self._height = 0

    def begin(self, title: str) -> None:
        self.say(f"\n{title}")

    def say(self, text: str) -> None:
        self._draw([])
        self._stream.write(text + "\n")
        self._stream.flush()

    def show(self, scene: Scene) -> None:
        size = shutil.get_terminal_size()
        self._draw(drawing.block(scene, self._now() - self._began, size.columns)[: size.lines - 1])

    def finish(self, scene: Scene) -> None:
        self._draw([])

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._height}A" if self._height else ""
        self._stream.write(f"{up}\r\x1b[J" + "".join(line + "\n" for line in lines))
        self._stream.flush()
        self._height = len(lines)


def of(stream: TextIO) -> View:
    """The way that suits the stream."""
    return Terminal(stream) if stream.isatty() else Transcript(stream)
