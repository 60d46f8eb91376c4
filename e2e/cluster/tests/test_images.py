"""Image builds: what is lent to them works in them, and nothing of it stays."""

import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import debian, paths
from e2e.cluster.images import Images
from e2e.cluster.progress import Progress

pytestmark = pytest.mark.e2e

NAME = "mr-test-image"
CONTAINERFILE = """\
ARG BASE=docker.io/library/python:3.11-slim
FROM ${BASE}
RUN grep -q '^\\[global\\]' /etc/pip.conf
RUN python3 -m venv /venv && /venv/bin/pip install --no-cache-dir iniconfig==2.1.0
COPY word /word
"""


@pytest.fixture(scope="module")
def images() -> Iterator[Images]:
    debian.install(debian.NODE, Progress())
    yield Images(Progress())
    for file in (paths.cache_home() / "images").glob(f"*{NAME}*"):
        file.unlink()


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Containerfile").write_text(CONTAINERFILE)
    (tmp_path / "word").write_text("one")
    return tmp_path


def content(archive: Path) -> dict[str, int]:
    """The files in all layers of an image archive, and their sizes."""
    found: dict[str, int] = {}
    with tarfile.open(archive) as outer:
        for layer in outer:
            if layer.name.endswith(".tar") and (opened := outer.extractfile(layer)):
                with tarfile.open(fileobj=opened) as inner:
                    found.update((member.name, member.size) for member in inner)
    return found


def configuration(archive: Path) -> dict[str, object]:
    with tarfile.open(archive) as outer:
        manifest = outer.extractfile("manifest.json")
        assert manifest is not None
        opened = outer.extractfile(json.load(manifest)[0]["Config"])
        assert opened is not None
        parsed: dict[str, object] = json.load(opened)["config"]
        return parsed


def test_pip_installs_and_nothing_of_this_machine_stays(images: Images, context: Path) -> None:
    archive = images.build(NAME, context / "Containerfile", context)
    files = content(archive)
    assert any(name.endswith("site-packages/iniconfig/__init__.py") for name in files)
    assert files["word"] == 3
    # The place where it was lent stays, empty.
    assert files["etc/pip.conf"] == 0
    assert [name for name in files if name.startswith("run/lent/links") and files[name]] == []
    assert configuration(archive)["Env"] == ["PATH=/usr/local/bin:/usr/bin:/bin"]


def test_equal_input_is_built_once_and_other_input_anew(images: Images, context: Path) -> None:
    first = images.build(NAME, context / "Containerfile", context)
    inode = first.stat().st_ino
    assert images.build(NAME, context / "Containerfile", context).stat().st_ino == inode
    assert images.archive(NAME) == first
    (context / "word").write_text("another")
    other = images.build(NAME, context / "Containerfile", context)
    assert other != first
    assert images.archive(NAME) == other


def test_a_build_that_fails_says_why(images: Images, context: Path) -> None:
    (context / "Containerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN echo the reason >&2; exit 7\n")
    with pytest.raises(RuntimeError, match="the reason"):
        images.build(NAME, context / "Containerfile", context)


def test_a_python_without_pip_gets_one(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    done = subprocess.run(
        [bare / "bin" / "python", "-c", "from e2e.cluster import wheels; print(*wheels.pip())"],
        cwd=paths.HERE.parent.parent,
        env={"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path / "cache")},
        check=True,
        capture_output=True,
        text=True,
    )
    pip = done.stdout.split()
    assert pip[0].startswith(str(tmp_path / "cache"))
    assert subprocess.run([*pip, "--version"], check=True, capture_output=True).stdout.startswith(b"pip ")
