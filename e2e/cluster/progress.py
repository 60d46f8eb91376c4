"""What is being done, how far it is and how long it has taken: one live line on a terminal, plain lines elsewhere."""

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

_REDRAW_S = 0.5
_PLAIN_S = 20.0


def duration(seconds: float) -> str:
    """`7s`, `1m05s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


@dataclass
class Task:
    """One thing under way."""

    title: str
    started: float
    said: float
    detail: str = field(default="")

    def at(self, detail: str) -> None:
        """Say how far it is, in a few words."""
        self.detail = detail

    def line(self, now: float) -> str:
        far = f": {self.detail}" if self.detail else ""
        return f"{self.title}{far} ({duration(now - self.started)})"


class Progress:
    """Shows tasks, several of which may run at the same time in threads."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._live = self._stream.isatty()
        self._now = now
        self._started = now()
        self._running: list[Task] = []
        self._lock = threading.Lock()
        self._ticker: threading.Thread | None = None

    def say(self, text: str) -> None:
        """A line of its own."""
        with self._lock:
            self._print(text)

    @contextmanager
    def task(self, title: str) -> Iterator[Task]:
        """Show `title` while the block runs, and how long it took, or that it failed."""
        now = self._now()
        task = Task(title, now, now)
        with self._lock:
            self._running.append(task)
            if self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, daemon=True)
                self._ticker.start()
        ending = "failed"
        try:
            yield task
            ending = "done"
        finally:
            now = self._now()
            with self._lock:
                self._running.remove(task)
                # What took no time was there already: not worth a line.
                if ending == "failed" or now - task.started >= 1:
                    self._print(f"{ending}: {task.title} ({duration(now - task.started)})")

    def _tick(self) -> None:
        while True:
            time.sleep(_REDRAW_S)
            with self._lock:
                if not self._running:
                    self._ticker = None
                    self._clear()
                    return
                now = self._now()
                if self._live:
                    self._draw(now)
                else:
                    self._remind(now)

    def _remind(self, now: float) -> None:
        for task in self._running:
            if now - task.said >= _PLAIN_S:
                task.said = now
                self._print(f"still: {task.line(now)}")

    def _draw(self, now: float) -> None:
        line = f"[{duration(now - self._started):>6}] " + " | ".join(task.line(now) for task in self._running)
        # A line that wraps cannot be taken back.
        self._stream.write("\r\x1b[K" + line[: shutil.get_terminal_size().columns - 1])
        self._stream.flush()

    def _clear(self) -> None:
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _print(self, text: str) -> None:
        self._clear()
        self._stream.write(f"[{duration(self._now() - self._started):>6}] {text}\n")
        self._stream.flush()
