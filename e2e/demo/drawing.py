"""The view as text: a block that is drawn again and again on a terminal, or one line of a transcript."""

from collections.abc import Mapping

from e2e.cluster.progress import duration
from e2e.demo import printed
from e2e.demo.observation import Decision
from e2e.demo.scene import WINDOW, Scene

_EIGHTHS = " ▏▎▍▌▋▊▉"
_BAR = 48
_DECISIONS = 4
_SHARES = len("v1  95.0 %  v2   5.0 %")


def bar(share: float, width: int) -> str:
    """A bar of `share` (0 to 1) of the width, to an eighth of a character; what is not nothing is seen."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def shares_line(shares: Mapping[str, float]) -> str:
    """`v1  95.0 %  v2   5.0 %`."""
    return "  ".join(f"{version} {100 * share:5.1f} %" for version, share in shares.items())


def transcript_line(cells: Mapping[str, str], shares: Mapping[str, float], elapsed: float) -> str:
    """The time, who answered, and kubectl's line, in columns."""
    return f"{duration(elapsed):>6}   {shares_line(shares):<{_SHARES}}   {printed.aligned(cells)}"


def transcript_heading(cells: Mapping[str, str]) -> str:
    """The heading over such lines."""
    return f"{'TIME':>6}   {'ANSWERED BY':<{_SHARES}}   {printed.heading(cells)}"


def block(scene: Scene, elapsed: float, columns: int) -> list[str]:
    """The lines of the live view, none longer than the terminal is wide."""
    lines = [f"{duration(elapsed):>6}  {_title(scene)}", ""]
    lines += [*printed.table(scene.cells), ""]
    lines += _clients(scene)
    lines += ["", "decisions"]
    lines += [_decision(entry) for entry in _last(scene)] or ["  none yet"]
    return [line[: columns - 1] for line in lines]


def _title(scene: Scene) -> str:
    if scene.chronicle is None:
        return ""
    chapter = scene.chronicle.chapter
    return f"{chapter.version}: {chapter.told}"


def _clients(scene: Scene) -> list[str]:
    shares = scene.shares
    if not shares.requests:
        return ["answered at the client: no requests yet"]
    lines = [f"answered at the client, last {WINDOW} s ({shares.requests} requests)"]
    for version, share in shares.by_version().items():
        lines.append(f"  {version:<9} {bar(share, _BAR):<{_BAR}} {100 * share:5.1f} %")
    total = scene.total
    met = f"{total.bad_version} met a bad version, {total.harmed - total.bad_version} another failure"
    return [*lines, f"  since the start: {total.sent} requests, {met}"]


def _last(scene: Scene) -> tuple[Decision, ...]:
    last = scene.chronicle.last if scene.chronicle is not None else None
    return last.decisions[-_DECISIONS:] if last is not None else ()


def _decision(entry: Decision) -> str:
    return f"  {entry.at[11:19]}  {entry.action:<9} {entry.message}"
