"""Results that are made once: each in a directory named by what it is made of, complete or not there at all."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from e2e.cluster import paths

Recipe = Mapping[str, object]
"""What a thing is made of: strings, and lists and mappings of them."""


def key_of(recipe: Recipe) -> str:
    """12 hexadecimal digits that change with anything in `recipe`; the order of keys does not matter."""
    canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


@contextmanager
def locked(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path`; `waiting` is called once when somebody else holds it.

    The kernel lets go of the lock when the holder ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting is not None:
                waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made(
    name: str,
    recipe: Recipe,
    make: Callable[[Path], None],
    *,
    waiting: Callable[[], None] | None = None,
    root: Path | None = None,
) -> Path:
    """The directory that `make` fills, from the cache where it was made before.

    `make` gets an empty directory, which becomes visible under its final name only when it is complete. Two runs that
    want the same thing make it once. Whatever `make` raises goes through and leaves nothing behind.
    """
    home = root if root is not None else paths.cache_home()
    final = home / "builds" / f"{name}-{key_of(recipe)}"
    if final.is_dir():
        return final
    with locked(home / "locks" / name, waiting):
        if final.is_dir():
            return final
        final.parent.mkdir(parents=True, exist_ok=True)
        # Under the lock, an unfinished directory of this name can only be one that a killed run left.
        for leftover in final.parent.glob(f".{name}@*"):
            _remove(leftover)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}@", dir=final.parent))
        try:
            make(unfinished)
            unfinished.chmod(0o755)
            os.rename(unfinished, final)
        finally:
            _remove(unfinished)
    return final


def _remove(directory: Path) -> None:
    if not directory.exists():
        return
    # Go marks what it unpacks as read-only; rmtree needs write permission on directories.
    for folder, _, _ in os.walk(directory):
        Path(folder).chmod(0o755)
    shutil.rmtree(directory)
