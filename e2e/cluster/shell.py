"""Other programs: run them, and say what they said when they fail."""

import os
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Argument = str | Path
Command = list[Argument]
"""A command line under construction."""
# A build must not go on in the dark when the run that wants it was killed.
_DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


class CommandError(RuntimeError):
    """A program failed; the message carries the end of what it said."""

    def __init__(self, argv: Sequence[Argument], status: int, said: str) -> None:
        words = " ".join(str(word) for word in argv)
        shown = words if len(words) <= 300 else words[:300] + " ..."
        super().__init__(f"`{shown}` ended with status {status}\n{said.strip()}")
        self.status = status
        self.said = said


class WaitError(RuntimeError):
    """Something did not come about in time."""


def _environment(extra: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, **(extra or {})}


def run(
    argv: Sequence[Argument],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
) -> str:
    """Run a short command and return its standard output. Raises CommandError."""
    done = subprocess.run(
        [str(word) for word in argv],
        env=_environment(env),
        cwd=cwd,
        input=stdin if stdin is not None else "",
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise CommandError(argv, done.returncode, "\n".join((done.stdout + done.stderr).splitlines()[-30:]))
    return done.stdout


def succeeds(argv: Sequence[Argument], *, env: Mapping[str, str] | None = None) -> bool:
    """Whether a short command ends with status 0; a missing program is a no."""
    try:
        run(argv, env=env)
    except (CommandError, FileNotFoundError):
        return False
    return True


def follow(
    argv: Sequence[Argument],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a long command, hand over each line as it comes, and end it when this process ends. Raises CommandError."""
    last: deque[str] = deque(maxlen=40)
    prefix = _DIE_WITH_US if shutil.which(_DIE_WITH_US[0]) else ()
    with subprocess.Popen(
        [*prefix, *(str(word) for word in argv)],
        env=_environment(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last.append(line)
            on_line(line.rstrip("\n"))
    if process.returncode != 0:
        raise CommandError(argv, process.returncode, "".join(last))


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float, every: float = 0.1) -> None:
    """Poll until `condition` holds. Raises WaitError that names `what`; what `condition` raises goes through."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise WaitError(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(every)
