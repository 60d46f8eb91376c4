"""The mount table: what is mounted below a directory, and taking just that away."""

import re
from pathlib import Path

from e2e.cluster import shell

_ESCAPE = re.compile(r"\\([0-7]{3})")


class MountError(RuntimeError):
    """Something stays mounted."""


def table() -> str:
    """The kernel's mount table of this process."""
    return Path("/proc/self/mounts").read_text()


def below(mounts: str, directory: Path) -> list[Path]:
    """The mount points in or at `directory` in the text of a mount table, innermost first.

    A directory that is relative or is the root of the file system selects nothing: whoever comes here with an empty
    path must not take away the machine's own mounts.
    """
    if not directory.is_absolute() or directory == Path("/"):
        return []
    points = (Path(_plain(line.split(" ")[1])) for line in mounts.splitlines() if line.count(" ") >= 3)
    inside = [point for point in points if point == directory or directory in point.parents]
    return sorted(inside, key=lambda point: len(point.parts), reverse=True)


def is_mounted(point: Path) -> bool:
    return point in below(table(), point)


def unmount_below(directory: Path) -> None:
    """Unmount everything in `directory`. Raises MountError when something stays, so that nobody deletes through it."""
    place = directory.resolve()
    for point in below(table(), place):
        if not shell.succeeds(["umount", point]):
            # Busy: detached from the tree now, gone when its last user is.
            shell.succeeds(["umount", "--lazy", point])
    if left := below(table(), place):
        raise MountError(f"still mounted: {', '.join(map(str, left))}")


def _plain(field: str) -> str:
    """Blanks, tabs, newlines and backslashes stand as octal numbers in the table."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), field)
