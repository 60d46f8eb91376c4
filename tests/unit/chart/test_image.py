"""What the image is made of: locked packages, from no particular place, and a user without rights."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[3]
SERVERS = sorted(path.stem for path in (REPOSITORY / "requirements" / "servers").glob("*.in"))
LOCKS = ("runtime.txt", "dev.txt", *(f"servers/{name}.txt" for name in SERVERS))
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)


def lock(name: str) -> str:
    return (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")


def names_in(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_no_download_address(name: str) -> None:
    assert re.findall(r"\S*://\S*|--(?:extra-)?index-url.*|--find-links.*|--trusted-host.*", lock(name)) == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    entries = [
        entry for entry in re.split(r"^(?=[a-z0-9])", lock(name), flags=re.MULTILINE) if not entry.startswith("#")
    ]
    assert entries
    assert [entry for entry in entries if not PIN.match(entry) or "--hash=sha256:" not in entry] == []


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert names_in(project["dependencies"]) <= {name for name, _ in PIN.findall(lock("runtime.txt"))}
    assert names_in(project["optional-dependencies"]["dev"]) <= {name for name, _ in PIN.findall(lock("dev.txt"))}


@pytest.mark.parametrize("server", SERVERS)
def test_the_lock_of_a_model_server_holds_its_release(server: str) -> None:
    assert set(PIN.findall(lock(f"servers/{server}.in"))) < set(PIN.findall(lock(f"servers/{server}.txt")))


def test_tests_run_on_what_the_image_runs_on() -> None:
    assert set(PIN.findall(lock("runtime.txt"))) <= set(PIN.findall(lock("dev.txt")))


def test_the_last_stage_runs_as_the_user_that_the_chart_names() -> None:
    last = (REPOSITORY / "Containerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\S+)$", last, re.MULTILINE) == ["65532:65532"]
    template = (REPOSITORY / "charts/modelrollout/templates/deployment.yaml").read_text(encoding="utf-8")
    assert "runAsUser: 65532" in template


def test_both_builders_get_the_same_files() -> None:
    assert (REPOSITORY / ".dockerignore").read_text() == (REPOSITORY / ".containerignore").read_text()
