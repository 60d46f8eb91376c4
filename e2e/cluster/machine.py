"""What this machine needs to reach package indexes, lent to image builds and never written into an image.

Companies put their own authorities, indexes and proxies into files and variables; a build in an empty root sees none
of them.
"""

import ast
import os
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import shell, wheels

_AUTHORITIES = Path("/etc/ssl/certs")
_BUNDLE = _AUTHORITIES / "ca-certificates.crt"
_LENT = Path("/run/lent")
# Options that make sense in another root; paths among their values are lent too.
_PIP_OPTIONS = frozenset(
    {"index-url", "extra-index-url", "find-links", "trusted-host", "no-index", "timeout", "default-timeout", "proxy"}
)


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


def lend(scratch: Path) -> dict[Path, Path]:
    """What to mount, read-only, while a build runs: from here to there. `scratch` takes the files made for it."""
    volumes: dict[Path, Path] = {}
    bundle = _bundle()
    if _AUTHORITIES.is_dir():
        volumes[_AUTHORITIES] = _AUTHORITIES
    if bundle is not None and _AUTHORITIES not in bundle.parents:
        volumes[bundle] = _LENT / "authorities.pem"
        bundle = _LENT / "authorities.pem"
    options = pip_options(shell.run([*wheels.pip(), "config", "list"]))
    for number, word in enumerate(options.get("find-links", "").split()):
        if Path(word).is_dir():
            # The place stays behind as an empty directory: it must not tell where it came from.
            there = _LENT / f"links-{number}"
            volumes[Path(word)] = there
            options["find-links"] = options["find-links"].replace(word, str(there))
    file = scratch / "pip.conf"
    file.write_text(pip_conf(options, bundle), encoding="utf-8")
    volumes[file] = Path("/etc/pip.conf")
    return volumes


def _bundle() -> Path | None:
    """The file with the authorities that this machine trusts."""
    for named in (os.environ.get("PIP_CERT"), os.environ.get("SSL_CERT_FILE"), str(_BUNDLE)):
        if named and Path(named).is_file():
            return Path(named)
    return None
