"""Manifests that are good, and manifests that are bad with what must be said about them.

A bad one begins with comments: `# path:` names the field that both the operator and the API server must name;
`# says:` is a part of both messages, or `# operator:` and `# server:` are a part of each one's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

DIRECTORY: Final = Path(__file__).resolve().parents[1] / "data" / "manifests"
_HEADER: Final = re.compile(r"^# (path|says|operator|server): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class BadManifest:
    """A manifest that must be refused by the operator and by the API server."""

    name: str
    text: str
    path: str
    operator: str
    server: str

    @property
    def document(self) -> Mapping[str, Any]:
        """The manifest, read."""
        return dict(yaml.safe_load(self.text))


def good_manifests() -> list[Path]:
    """Files of all good ones."""
    return sorted((DIRECTORY / "good").glob("*.yaml"))


def bad_manifests() -> list[BadManifest]:
    """All bad ones."""
    return [_bad(file) for file in sorted((DIRECTORY / "bad").glob("*.yaml"))]


def _bad(file: Path) -> BadManifest:
    text = file.read_text(encoding="utf-8")
    header: dict[str, str] = dict(_HEADER.findall(text))
    operator, server = (header["says"],) * 2 if "says" in header else (header["operator"], header["server"])
    return BadManifest(file.stem, text, header["path"], operator, server)


def as_stored(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what the API server adds to its metadata."""
    metadata = {"namespace": "default", "uid": "1", "resourceVersion": "1", "generation": 1, **document["metadata"]}
    return {**document, "metadata": metadata}
