"""Debian packages: what is missing is installed, what is there is left alone."""

import os
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from e2e.cluster import cache, paths, shell
from e2e.cluster.progress import Progress

# A package is taken to be there when this file of it is.
_PACKAGES = {
    "buildah": "buildah",
    "ca-certificates": "/etc/ssl/certs/ca-certificates.crt",
    "catatonit": "catatonit",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "iproute2": "ip",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
    "openssl": "openssl",
    "runc": "runc",
    "procps": "sysctl",
    "util-linux": "unshare",
}
FIRST = ("ca-certificates",)
CONTROL_PLANE = (*FIRST, "openssl")
NODE = tuple(_PACKAGES)
# Debian keeps some of them where a plain user's PATH does not look.
_SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))


class PackageError(RuntimeError):
    """Packages are missing and cannot be installed here."""


def program(name: str) -> Path:
    """The path of a program of an installed package. Raises PackageError."""
    found = shutil.which(name, path=_SEARCH)
    if found is None:
        raise PackageError(f"{name} is not installed: run `apt-get install` for the package that has it")
    return Path(found)


def missing(packages: Iterable[str]) -> list[str]:
    """Those of `packages` that are not there."""
    return [package for package in packages if not _there(_PACKAGES[package])]


def install(packages: Iterable[str], progress: Progress) -> None:
    """Install those of `packages` that are missing. Raises PackageError or, with what apt said, shell.CommandError."""
    wanted = missing(packages)
    if python_needs_venv():
        wanted.append("python3-venv")
    if not wanted:
        return
    names = " ".join(wanted)
    if shutil.which("apt-get") is None:
        raise PackageError(f"please install these, or what your system calls them: {names}")
    if os.geteuid() != 0:
        raise PackageError(f"please run as root: apt-get install {names}")
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    with cache.locked(paths.cache_home() / "locks" / "apt"), progress.task(f"installing {names}") as task:
        shell.follow(["apt-get", "update"], task.at, env=environment)
        argv = ["apt-get", "install", "--yes", "--no-install-recommends", *wanted]
        shell.follow(argv, lambda line: task.at(line[:60]), env=environment)


def python_needs_venv() -> bool:
    """Whether this Python can neither run pip nor make a virtual environment that can."""
    return find_spec("pip") is None and find_spec("ensurepip") is None


def _there(file: str) -> bool:
    return Path(file).exists() if file.startswith("/") else shutil.which(file, path=_SEARCH) is not None
