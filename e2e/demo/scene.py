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
    _before: Mapping[str, str] = field(default_factory=dict)

    def begin(self, chapter: Chapter) -> Chronicle:
        """Turn to the next chapter."""
        self.chronicle = Chronicle(chapter)
        self._before, self.cells = self.cells, {}
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
        # A line of the chapter before; or the spec's new version beside the status of the one before.
        if self.chronicle is None or cells.get("VERSION") != self.chronicle.chapter.version:
            return
        if _status(cells) != _status(self._before):
            self.cells = cells

    @property
    def shares(self) -> Shares:
        """Who answered in the last seconds."""
        return Shares(self.recent)


def _status(cells: Mapping[str, str]) -> dict[str, str]:
    """The cells that the operator writes: the version is the user's, and the age nobody's."""
    return {name: cell for name, cell in cells.items() if name not in {"VERSION", "AGE"}}
