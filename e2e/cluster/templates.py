"""Files with `@{name}` in them, filled in; every other character stays, also `$`, which YAML and Prometheus use."""

import string
from pathlib import Path

from e2e.cluster import paths


class _At(string.Template):
    delimiter = "@"


def render(file: str, **values: str) -> str:
    """The file of this package, filled in. Raises KeyError for a name without a value."""
    return _At((paths.HERE / file).read_text(encoding="utf-8")).substitute(values)


def place(file: str, directory: Path, **values: str) -> Path:
    """Write the filled-in file into `directory` under its own name; one that says the same already is left alone.

    kube-proxy watches its file and ends when it is written to, whatever is written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / Path(file).name
    content = render(file, **values)
    if not target.exists() or target.read_text(encoding="utf-8") != content:
        target.write_text(content, encoding="utf-8")
    return target
