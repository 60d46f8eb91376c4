"""What an image is made of: the content of what its Containerfile copies, so that equal input is built once."""

import hashlib
import json
import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

_UNTOUCHED = {"__pycache__", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def instructions(containerfile: str) -> Iterator[str]:
    """The instructions, each on one line, without comments."""
    lines = (line for line in containerfile.splitlines() if not line.lstrip().startswith("#"))
    for instruction in re.sub(r"\\[ \t]*\n", " ", "\n".join(lines)).splitlines():
        if instruction.strip():
            yield instruction.strip()


def sources(containerfile: str, arguments: Mapping[str, str]) -> list[str]:
    """The paths that COPY and ADD take from the context, in order, without those from other stages and addresses."""
    found: list[str] = []
    for instruction in instructions(containerfile):
        word, _, rest = instruction.partition(" ")
        if word.upper() not in {"COPY", "ADD"}:
            continue
        rest = rest.strip()
        options: list[str] = []
        while rest.startswith("--"):
            option, _, rest = rest.partition(" ")
            options.append(option)
            rest = rest.strip()
        if any(option.startswith("--from") for option in options):
            continue
        words: list[str] = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
        expanded = (_expand(word, arguments) for word in words[:-1])
        found += [source for source in expanded if "://" not in source]
    return found


def declares(containerfile: str, argument: str) -> bool:
    """Whether the Containerfile has this build argument."""
    return any(re.fullmatch(rf"ARG\s+{argument}(=.*)?", line, re.IGNORECASE) for line in instructions(containerfile))


def digest(containerfile: str, context: Path, arguments: Mapping[str, str]) -> str:
    """A digest of the copied files: their paths, whether they are executable, and their content.

    Raises FileNotFoundError for a source that is not in the context.
    """
    total = hashlib.sha256()
    for source in sources(containerfile, arguments):
        relative = source.lstrip("/") or "."
        matches = sorted(context.glob(relative)) if re.search(r"[*?\[]", relative) else [context / relative]
        if not matches or not all(match.exists() or match.is_symlink() for match in matches):
            raise FileNotFoundError(f"the Containerfile copies {source!r}, which is not in {context}")
        for match in matches:
            for file in _files(match):
                total.update(f"{file.relative_to(context)}\0".encode())
                total.update(_content(file))
    return total.hexdigest()


def _expand(word: str, arguments: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda match: arguments.get(match[1], ""), word)


def _files(path: Path) -> Iterator[Path]:
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(set(folders) - _UNTOUCHED)
        yield from (Path(folder) / file for file in sorted(files))
        yield from (Path(folder) / name for name in folders if (Path(folder) / name).is_symlink())


def _content(file: Path) -> bytes:
    if file.is_symlink():
        return b"link " + os.fsencode(file.readlink())
    with file.open("rb") as opened:
        kind = b"program " if os.fstat(opened.fileno()).st_mode & stat.S_IXUSR else b"file "
        return kind + hashlib.file_digest(opened, "sha256").digest()
