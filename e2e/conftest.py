"""A session of scenarios: side by side in several processes, on one cluster.

    make e2e                                                    all of them
    python -m pytest -m e2e e2e/scenarios/test_promote.py       one, alone; KEEP=1 leaves the cluster up

The first process that needs the platform makes it, behind a lock; the session's first process removes it at the end.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster import cache
from e2e.support import platform as platforms
from e2e.support import totals
from e2e.support.operators import OperatorProcess, Replicas
from e2e.support.platform import Platform
from e2e.support.release import Release
from e2e.support.scenario import Scenario

HOME: pytest.StashKey[Path] = pytest.StashKey()
SCENARIO: pytest.StashKey[Scenario] = pytest.StashKey()
OWN_OPERATORS = ("operator", "replicas", "release")
"""Fixtures of scenarios that run operators of their own."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "bad(*versions): versions of a scenario that are meant to fail")
    shared = getattr(config, "workerinput", {}).get("e2e_home")
    config.stash[HOME] = Path(shared) if shared else Path(tempfile.mkdtemp(prefix="modelrollout-e2e-"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell each process of pytest-xdist where the session's directory is."""
    node.workerinput["e2e_home"] = str(node.config.stash[HOME])


def pytest_sessionfinish(session: pytest.Session) -> None:
    home = session.config.stash[HOME]
    platform = platforms.known(home)
    if platform is not None and not hasattr(session.config, "workerinput"):
        platforms.uninstall(platform)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if platforms.known(config.stash[HOME]) is not None:
        for line in totals.lines(config.stash[HOME]):
            terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[HOME], ignore_errors=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed and SCENARIO in item.stash:
        scenario = item.stash[SCENARIO]
        report.sections.append(("the rollout and its users", scenario.describe()))
        given = getattr(item, "funcargs", {})
        operator = next((given[name] for name in OWN_OPERATORS if name in given), None)
        report.sections.append(("the operator", operator.tail() if operator else scenario.operator_log()))


def namespace_of(item: pytest.Item) -> str:
    """The namespace of a scenario, from its name."""
    words = re.sub(r"[^a-z0-9]+", "-", item.name.removeprefix("test_").lower()).strip("-")
    return f"e2e-{words}"[:50].strip("-")


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Platform:
    """Cluster, images, Gateway and operator."""
    home = request.config.stash[HOME]
    with cache.locked(home / "lock"):
        if (home / "failed").exists():
            pytest.fail("the platform could not be made; another process of this session says why")
        found = platforms.known(home)
        if found is not None:
            return found
        scenarios = [item for item in request.session.items if "scenario" in getattr(item, "fixturenames", ())]
        own = [item for item in scenarios if {*OWN_OPERATORS} & {*getattr(item, "fixturenames", ())}]
        (home / "failed").touch()
        made = platforms.install(
            home,
            served=sorted({namespace_of(item) for item in scenarios if item not in own}),
            unserved=sorted({namespace_of(item) for item in own}),
        )
        (home / "failed").unlink()
        return made


@pytest.fixture
def scenario(request: pytest.FixtureRequest, platform: Platform) -> Iterator[Scenario]:
    """A namespace of its own, with users who count what they get."""
    found = Scenario(platform, namespace_of(request.node))
    request.node.stash[SCENARIO] = found
    yield found
    marker = request.node.get_closest_marker("bad")
    if found.has_users:
        found.traffic.stop()
        totals.leave(Path(platform.home), found.namespace, found.traffic.all, frozenset(marker.args if marker else ()))
    found.close()


@pytest.fixture
def operator(platform: Platform, scenario: Scenario, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator that a scenario may kill; the one that helm has installed leaves its namespace alone."""
    process = OperatorProcess(platform, scenario.namespace, tmp_path / "operator.log")
    process.start()
    yield process
    process.stop()


@pytest.fixture
def replicas(platform: Platform, scenario: Scenario, tmp_path: Path) -> Iterator[Replicas]:
    """Two operators, one of which leads; the one that helm has installed leaves their namespace alone."""
    made = Replicas(platform, scenario.namespace, tmp_path)
    try:
        made.start()
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def release(platform: Platform, scenario: Scenario) -> Iterator[Release]:
    """An operator in the cluster that a scenario may uninstall; the one of the session leaves its namespace alone."""
    made = Release(platform, scenario.namespace)
    try:
        made.install()
        yield made
    finally:
        made.remove()
