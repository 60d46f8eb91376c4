"""What the view shows, gathered from the news: pure, so that it can be drawn in any way."""

from collections import deque
from dataclasses import dataclass, field

from e2e.demo.clients import NOTHING, Counts, Second, Shares
from e2e.demo.feed import Line, News
from e2e.demo.observation import Observation
from e2e.demo.story import Chapter, Chronicle

WINDOW = 5
"""Seconds over which shares are shown."""


@dataclass
class Scene:
    """The chapter that is being told, and all that is known of it."""

    heading: str = ""
    line: str = ""
    chronicle: Chronicle | None = None
    total: Counts = NOTHING
    seconds_told: int = 0
    recent: deque[Second] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def begin(self, chapter: Chapter) -> Chronicle:
        """Turn to the next chapter."""
        self.chronicle = Chronicle(chapter)
        return self.chronicle

    def take(self, news: News) -> None:
        """Take in what has come."""
        match news:
            case Line(text) if text.startswith("NAME "):
                self.heading = text
            case Line(text):
                self.line = text
            case Observation() if self.chronicle is not None:
                self.chronicle.saw(news)
            case Second():
                self.recent.append(news)
                self.total = news.total
                self.seconds_told += 1
            case _:
                pass

    @property
    def shares(self) -> Shares:
        """Who answered in the last seconds."""
        return Shares(self.recent)

    @property
    def state(self) -> str:
        """kubectl's line without its last column, the age, which changes by itself."""
        words = self.line.rsplit(None, 1)
        return words[0].rstrip() if words else ""
