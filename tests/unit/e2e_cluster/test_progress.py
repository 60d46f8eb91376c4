import io

import pytest

from e2e.cluster.progress import Progress, duration
from e2e.cluster.shell import wait_until

pytestmark = pytest.mark.unit


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0s"), (59.9, "59s"), (60, "1m00s"), (3725, "62m05s")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_took_time_is_reported_with_it(stream: io.StringIO, clock: Clock) -> None:
    with Progress(stream, clock).task("building etcd"):
        clock.now += 75
    assert stream.getvalue() == "[ 1m15s] done: building etcd (1m15s)\n"


def test_what_was_there_already_is_not_worth_a_line(stream: io.StringIO, clock: Clock) -> None:
    with Progress(stream, clock).task("building etcd"):
        clock.now += 0.2
    assert stream.getvalue() == ""


def test_what_failed_is_reported_even_when_it_took_no_time(stream: io.StringIO, clock: Clock) -> None:
    with pytest.raises(RuntimeError), Progress(stream, clock).task("building etcd"):
        raise RuntimeError
    assert stream.getvalue() == "[    0s] failed: building etcd (0s)\n"


def test_a_line_tells_what_and_how_far_and_how_long(stream: io.StringIO, clock: Clock) -> None:
    with Progress(stream, clock).task("building etcd") as task:
        task.at("7 of at most 9 packages")
        assert task.line(clock.now + 61) == "building etcd: 7 of at most 9 packages (1m01s)"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_live_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    with Progress(terminal).task("a title of many words " * 5):
        wait_until(lambda: "a title" in terminal.getvalue(), "the live line", seconds=10)
    drawn = [line for line in terminal.getvalue().split("\r\x1b[K") if "a title" in line and "done" not in line]
    assert max(map(len, drawn)) < 40
