"""Groups of processes, which kubelet and the kernel remove while they are looked at."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from e2e.cluster import cgroups

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path)
    (tmp_path / "cgroup.controllers").touch()
    for name, pids in (("ours", "7\n"), ("ours/pod", "8\n9\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").write_text(pids)
    return tmp_path


def test_processes_of_a_group_and_below() -> None:
    assert cgroups.processes("ours") == [7, 8, 9]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP])
def test_a_group_that_is_being_removed_has_none(number: int, groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _break(groups / "ours" / "pod", number, monkeypatch)
    assert cgroups.processes("ours") == [7]


def test_what_cannot_be_read_is_told(groups: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _break(groups / "ours" / "pod", errno.EACCES, monkeypatch)
    with pytest.raises(PermissionError):
        cgroups.processes("ours")


def _break(group: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_text

    def broken(path: Path) -> str:
        if path.parent == group:
            raise OSError(number, "gone")
        return read(path)

    monkeypatch.setattr(Path, "read_text", broken)
