"""Programs that keep running: started with a pid file, and stopped only if they are still what was started."""

import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import shell
from e2e.cluster.shell import Argument, WaitError

# The program writes down who it is before it becomes what was asked for: a starter that is killed in between leaves no
# process that nobody knows of. `exec` keeps the pid and the start time.
_NOTE_AND_BECOME = 'cat /proc/sys/kernel/random/boot_id "/proc/$$/stat" > "$0.new" && mv "$0.new" "$0" && exec "$@"'


@dataclass(frozen=True)
class Identity:
    """A process, told apart from any other that gets its pid later."""

    pid: int
    started: int
    """Clock ticks after boot."""
    boot: str
    """The kernel's id of this boot: after the next, pid and ticks may come again."""


class DiedError(RuntimeError):
    """A program that should keep running ended; the message carries the end of its log."""


def parse(note: str) -> Identity | None:
    """The identity in a pid file, which holds the boot id and the process's `stat` line; None for a torn one."""
    lines = note.splitlines()
    if len(lines) != 2:
        return None
    # The second field is the program's name in parentheses, which may itself contain blanks and parentheses.
    before, bracket, after = lines[1].rpartition(")")
    fields = after.split()
    if not bracket or len(fields) < 20:
        return None
    return Identity(int(before.split(" ", 1)[0]), int(fields[19]), lines[0])


def identify(pid: int) -> Identity | None:
    """The running process of this pid; None where there is none, or only the remains of one."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if stat.rpartition(")")[2].split()[0] in {"Z", "X"}:
        return None
    return parse(f"{boot}\n{stat}")


def end(pid: int, is_the_one: Callable[[], bool], *, grace: float) -> None:
    """Ask process `pid` to end, insist after `grace` seconds, and wait until it is gone.

    `is_the_one` is asked after the process is held by a descriptor, so that no other process can be hit.
    """
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for signum, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
            if seconds <= 0:
                continue
            if not is_the_one():
                return
            try:
                signal.pidfd_send_signal(handle, signum)
            except ProcessLookupError:
                return
            if select.select([handle], [], [], seconds)[0]:
                return
    finally:
        os.close(handle)
    raise WaitError(f"process {pid} does not end, even by SIGKILL")


@dataclass(frozen=True)
class Processes:
    """The long-running programs of one cluster, by name."""

    pids: Path
    logs: Path

    def alive(self, name: str) -> bool:
        """Whether the program started under `name` still runs."""
        known = self._known(name)
        return known is not None and identify(known.pid) == known

    def start(self, name: str, argv: Sequence[Argument], *, cwd: Path) -> None:
        """Start a program that outlives this one, unless it runs already. Its output goes to its log."""
        if self.alive(name):
            return
        self.pids.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(parents=True, exist_ok=True)
        note = self.pids / name
        note.unlink(missing_ok=True)
        log = self.logs / f"{name}.log"
        wrapped = ["setsid", "--fork", "sh", "-c", f'exec >>"{log}" 2>&1 </dev/null; {_NOTE_AND_BECOME}', note, *argv]
        shell.run(wrapped, cwd=cwd)
        shell.wait_until(note.exists, f"{name} to start (see {log})", seconds=10, every=0.01)

    def wait_ready(self, name: str, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait until `ready` says so. Raises DiedError when the program ends, WaitError when it is slow."""

        def answered() -> bool:
            if ready():
                return True
            if not self.alive(name):
                raise DiedError(f"{name} ended while starting; the end of its log:\n{self.tail(name)}")
            return False

        try:
            shell.wait_until(answered, f"{name} to be ready", seconds=seconds)
        except WaitError as slow:
            raise WaitError(f"{slow}; the end of its log:\n{self.tail(name)}") from slow

    def stop(self, name: str, *, grace: float) -> None:
        """Stop the program started under `name`; a process that merely got its pid later is left alone."""
        known = self._known(name)
        if known is not None:
            end(known.pid, lambda: identify(known.pid) == known, grace=grace)
        (self.pids / name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """The names that have been started and not stopped."""
        return sorted(file.name for file in self.pids.glob("*") if file.suffix != ".new")

    def tail(self, name: str) -> str:
        """The last lines of a program's log."""
        log = self.logs / f"{name}.log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"

    def _known(self, name: str) -> Identity | None:
        try:
            return parse((self.pids / name).read_text())
        except FileNotFoundError:
            return None


def ended(pids: Callable[[], list[int]], *, seconds: float) -> bool:
    """Whether the processes that `pids` lists are gone within `seconds`."""
    deadline = time.monotonic() + seconds
    while pids():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
