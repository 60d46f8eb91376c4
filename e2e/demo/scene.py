"""What the view shows, gathered from the news: pure, so that it can be drawn in any way."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from e2e.demo.clients import NOTHING, Counts, Second, Shares
from e2e.demo.feed import Line, News
from e2e.demo.observation import Observation
from e2e.demo.printed import Columns
from e2e.demo.story import Chapter, Chronicle

WINDOW = 5
"""Seconds over which shares are shown."""


@dataclass
class Scene:
    """The chapter that is being told, and all that is known of it; `cells` is the line that kubectl printed last."""

    cells: Mapping[str, str] = field(default_factory=dict)
    chronicle: Chronicle | None = None
    total: Counts = NOTHING
    seconds_told: int = 0
    recent: deque[Second] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _columns: Columns | None = None

    def begin(self, chapter: Chapter) -> Chronicle:
        """Turn to the next chapter."""
        self.chronicle = Chronicle(chapter)
        self.cells = {}
        return self.chronicle

    def take(self, news: News) -> None:
        """Take in what has come."""
        match news:
            case Line(text) if text.startswith("NAME "):
                self._columns = Columns(text)
            case Line(text) if self._columns is not None:
                self._line(self._columns.read(text))
            case Observation() if self.chronicle is not None:
                self.chronicle.saw(news)
            case Second():
                self.recent.append(news)
                self.total = news.total
                self.seconds_told += 1
            case _:
                pass

    def _line(self, cells: Mapping[str, str]) -> None:
        # A line that is still about the chapter before says nothing about this one.
        if self.chronicle is not None and cells.get("VERSION") == self.chronicle.chapter.version:
            self.cells = cells

    @property
    def shares(self) -> Shares:
        """Who answered in the last seconds."""
        return Shares(self.recent)
