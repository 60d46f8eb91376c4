"""What this machine needs to reach package indexes, lent to image builds and never written into an image.

Companies put their own authorities, indexes and proxies into files and variables; a build in an empty root sees none
of them.
"""

import ast
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import shell

_AUTHORITIES = Path("/etc/ssl/certs")
_BUNDLE = _AUTHORITIES / "ca-certificates.crt"
# Options that make sense in another root; paths among their values are lent too.
_PIP_OPTIONS = frozenset(
    {"index-url", "extra-index-url", "find-links", "trusted-host", "no-index", "timeout", "default-timeout", "proxy"}
)


@dataclass(frozen=True)
class Loan:
    """Files to mount, read-only, while a build runs: from here to there."""

    volumes: Mapping[Path, Path]


def pip_options(listing: str) -> dict[str, str]:
    """The options in the output of `pip config list` that matter in another root; the environment's come first."""
    found: dict[str, str] = {}
    for line in listing.splitlines():
        name, separator, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if not separator or option not in _PIP_OPTIONS:
            continue
        if option not in found or section == ":env:":
            found[option.removeprefix("default-")] = str(ast.literal_eval(value))
    return found


def pip_conf(options: Mapping[str, str], bundle: Path | None) -> str:
    """A pip.conf with these options, and with the authorities in `bundle`."""
    lines = ["[global]", "disable-pip-version-check = true"]
    if bundle is not None:
        lines.append(f"cert = {bundle}")
    for option, value in sorted(options.items()):
        lines += [f"{option} =", *(f"    {word}" for word in value.split())]
    return "\n".join(lines) + "\n"


def lend(scratch: Path) -> Loan:
    """What to mount into a build; `scratch` is a directory for the files that are made for it."""
    volumes: dict[Path, Path] = {}
    bundle = _bundle()
    if _AUTHORITIES.is_dir():
        volumes[_AUTHORITIES] = _AUTHORITIES
    if bundle is not None and _AUTHORITIES not in bundle.parents:
        volumes[bundle] = bundle
    options: dict[str, str] = {}
    if shell.succeeds([sys.executable, "-m", "pip", "--version"]):
        options = pip_options(shell.run([sys.executable, "-m", "pip", "config", "list"]))
    for word in options.get("find-links", "").split():
        if Path(word).is_dir():
            volumes[Path(word)] = Path(word)
    file = scratch / "pip.conf"
    file.write_text(pip_conf(options, bundle), encoding="utf-8")
    volumes[file] = Path("/etc/pip.conf")
    return Loan(volumes)


def _bundle() -> Path | None:
    """The file with the authorities that this machine trusts."""
    for named in (os.environ.get("PIP_CERT"), os.environ.get("SSL_CERT_FILE"), str(_BUNDLE)):
        if named and Path(named).is_file():
            return Path(named)
    return None
