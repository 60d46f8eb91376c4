"""Shows a scene: on a terminal as a block that is redrawn, elsewhere as lines that make a transcript."""

import shutil
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from e2e.demo import drawing
from e2e.demo.scene import Scene

REPEAT_S = 10.0


class View(Protocol):
    """One way of showing."""

    def say(self, text: str) -> None:
        """A text that stays."""

    def show(self, scene: Scene) -> None:
        """The scene as it is now."""


class Transcript:
    """Lines, whenever kubectl's line changes, and the shares again where it does not for a while."""

    def __init__(self, stream: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._now = now
        self._began = now()
        self._heading = ""
        self._shown = ""
        self._shown_at = 0.0

    def say(self, text: str) -> None:
        self._print(text)
        self._heading = ""

    def show(self, scene: Scene) -> None:
        now = self._now()
        if not scene.state or (scene.state == self._shown and now - self._shown_at < REPEAT_S):
            return
        if scene.heading != self._heading:
            self._heading = scene.heading
            self._print(f"{'TIME':>6}  {'ANSWERED':<22}  {scene.heading.rsplit(None, 1)[0].rstrip()}")
        self._shown, self._shown_at = scene.state, now
        self._print(drawing.transcript_line(scene, now - self._began))

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

    def say(self, text: str) -> None:
        self._draw([])
        self._stream.write(text + "\n")
        self._stream.flush()

    def show(self, scene: Scene) -> None:
        size = shutil.get_terminal_size()
        self._draw(drawing.block(scene, self._now() - self._began, size.columns)[: size.lines - 1])

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._height}A" if self._height else ""
        self._stream.write(f"{up}\r\x1b[J" + "".join(line + "\n" for line in lines))
        self._stream.flush()
        self._height = len(lines)


def of(stream: TextIO) -> View:
    """The way that suits the stream."""
    return Terminal(stream) if stream.isatty() else Transcript(stream)
