import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import processes
from e2e.cluster.processes import DiedError, Identity, Processes

pytestmark = pytest.mark.unit

BOOT = "4c1b7e3e-1c3a-4b0e-9a55-1f1f1f1f1f1f"
AFTER_NAME = "S 1 500 500 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 100 20"


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The pid of a process that goes on until it is killed."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process.pid
        process.kill()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Processes]:
    made = Processes(tmp_path / "pids", tmp_path / "log")
    yield made
    for name in made.names():
        made.stop(name, grace=0)


def note_of(pid: int) -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text() + Path(f"/proc/{pid}/stat").read_text()


@pytest.mark.parametrize("name", ["(etcd)", "(a b)", "(evil) S 1 2)", "()"])
def test_a_note_is_read_whatever_the_program_is_called(name: str) -> None:
    assert processes.parse(f"{BOOT}\n500 {name} {AFTER_NAME}\n") == Identity(500, 987654, BOOT)


@pytest.mark.parametrize("note", ["", BOOT, f"{BOOT}\n500 (etcd) S 1", f"{BOOT}\nnonsense", "a\nb\nc"])
def test_a_torn_note_names_nobody(note: str) -> None:
    assert processes.parse(note) is None


def test_a_running_process_is_itself_and_a_finished_one_nobody(sleeper: int) -> None:
    known = processes.identify(sleeper)
    assert known is not None
    assert known.pid == sleeper
    assert processes.parse(note_of(sleeper)) == known
    # Not waited for by its parent, it is a zombie now: still in the table, but not running.
    os.kill(sleeper, signal.SIGKILL)
    os.waitid(os.P_PID, sleeper, os.WEXITED | os.WNOWAIT)
    assert processes.identify(sleeper) is None


def test_a_program_is_started_once_and_stopped(place: Processes, tmp_path: Path) -> None:
    place.start("sleeper", ["sleep", "600"], cwd=tmp_path)
    first = (place.pids / "sleeper").read_text()
    place.start("sleeper", ["sleep", "600"], cwd=tmp_path)
    assert (place.pids / "sleeper").read_text() == first
    assert place.alive("sleeper")
    known = processes.parse(first)
    assert known is not None
    place.stop("sleeper", grace=5)
    assert processes.identify(known.pid) is None
    assert place.names() == []


def test_a_process_that_got_the_pid_later_is_left_alone(place: Processes, sleeper: int) -> None:
    known = processes.identify(sleeper)
    assert known is not None
    place.pids.mkdir()
    earlier = note_of(sleeper).replace(str(known.started), str(known.started - 1))
    (place.pids / "etcd").write_text(earlier)
    assert not place.alive("etcd")
    place.stop("etcd", grace=0)
    assert processes.identify(sleeper) == known
    assert place.names() == []


def test_a_process_of_another_boot_is_left_alone(place: Processes, sleeper: int) -> None:
    place.pids.mkdir()
    (place.pids / "etcd").write_text(BOOT + "\n" + Path(f"/proc/{sleeper}/stat").read_text())
    place.stop("etcd", grace=0)
    assert processes.identify(sleeper) is not None


def test_one_that_does_not_listen_is_killed(place: Processes, tmp_path: Path) -> None:
    ready = tmp_path / "deaf"
    place.start("deaf", ["sh", "-c", f"trap '' TERM; touch {ready}; while :; do sleep 600; done"], cwd=tmp_path)
    place.wait_ready("deaf", ready.exists, seconds=10)
    known = processes.parse((place.pids / "deaf").read_text())
    assert known is not None
    place.stop("deaf", grace=0.1)
    assert processes.identify(known.pid) is None


def test_one_that_dies_while_starting_is_reported_with_its_log(place: Processes, tmp_path: Path) -> None:
    place.start("broken", ["sh", "-c", "echo 'bind: address already in use'; exit 3"], cwd=tmp_path)
    with pytest.raises(DiedError, match=r"broken ended while starting(.|\n)*address already in use"):
        place.wait_ready("broken", lambda: False, seconds=10)


def test_stopping_what_never_ran_does_nothing(place: Processes) -> None:
    place.stop("etcd", grace=0)
    assert place.names() == []
