"""The control groups below which kubelet puts the pods: made, listed and removed, on version 1 and version 2."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
_NOTHING_TO_READ = {
    errno.ENOENT,  # removed before we opened it
    errno.ENODEV,  # removed between opening and reading it
    errno.EOPNOTSUPP,  # a threaded group of version 2
}
# What kubelet wants to limit pods by.
_CONTROLLERS = frozenset({"cpu", "cpuset", "hugetlb", "io", "memory", "pids"})


def _hierarchies() -> list[Path]:
    """Version 2 is one hierarchy at the mount itself; version 1 has one for each controller below it."""
    if (MOUNT / "cgroup.controllers").exists():
        return [MOUNT]
    return [entry for entry in sorted(MOUNT.glob("*")) if not entry.is_symlink() and (entry / "cgroup.procs").exists()]


def prepare(name: str) -> None:
    """Make the group `name` everywhere: kubelet demands that its root exists."""
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        # A version 1 cpuset takes no process before it has been given processors and memory.
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (group / setting).exists() and not (group / setting).read_text().strip():
                (group / setting).write_text((hierarchy / setting).read_text())
        if (group / "cgroup.subtree_control").exists() and (hierarchy / "cgroup.controllers").exists():
            offered = (hierarchy / "cgroup.controllers").read_text().split()
            for controller in sorted(_CONTROLLERS.intersection(offered)):
                for parent in (hierarchy, group):
                    (parent / "cgroup.subtree_control").write_text(f"+{controller}")


def _groups(name: str) -> Iterator[Path]:
    """The groups of `name`, the innermost first."""
    for hierarchy in _hierarchies():
        # Unlike rglob, walk passes over what kubelet removes meanwhile.
        for directory, _, _ in os.walk(hierarchy / name, topdown=False):
            yield Path(directory)


def processes(name: str) -> list[int]:
    """The pids in the group `name` and below."""
    found: set[int] = set()
    for group in _groups(name):
        try:
            found.update(int(line) for line in (group / "cgroup.procs").read_text().split())
        except OSError as error:
            if error.errno not in _NOTHING_TO_READ:
                raise
    return sorted(found)


def remove(name: str) -> None:
    """Remove the group `name` and all below, which must be without processes."""
    for group in list(_groups(name)):
        try:
            group.rmdir()
        except FileNotFoundError:
            continue
