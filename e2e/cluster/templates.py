"""Files with `@{name}` in them, filled in; every other character stays, also `$`, which YAML and Prometheus use."""

import string
from pathlib import Path

from e2e.cluster import paths


class _At(string.Template):
    delimiter = "@"


def render(file: str, **values: str) -> str:
    """The file of this package, filled in. Raises KeyError for a name without a value."""
    return _At((paths.HERE / file).read_text(encoding="utf-8")).substitute(values)


def placed(file: str, directory: Path, **values: str) -> bool:
    """Whether the file is in `directory`, filled in just so."""
    target = directory / Path(file).name
    return target.exists() and target.read_text(encoding="utf-8") == render(file, **values)


def place(file: str, directory: Path, **values: str) -> Path:
    """Write the filled-in file into `directory` under its own name; one that says the same already is left alone.

    Some programs watch their file and end when it is written to, whatever is written.
    """
    target = directory / Path(file).name
    if not placed(file, directory, **values):
        directory.mkdir(parents=True, exist_ok=True)
        target.write_text(render(file, **values), encoding="utf-8")
    return target
