"""Which Prometheus is asked, and who gets the operator's credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelrollout.api.errors import TerminalError
from modelrollout.metrics import prometheus
from modelrollout.runtime import sources
from modelrollout.runtime.settings import Settings
from modelrollout.runtime.sources import Sources
from tests.support.objects import rollout

pytestmark = pytest.mark.unit

OWN, NAMED = "http://own:9090", "http://named:9090"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[prometheus.PrometheusSettings]:
    """The settings of every provider that is made; none of them connects before it is asked."""
    found: list[prometheus.PrometheusSettings] = []

    def make(settings: prometheus.PrometheusSettings, hook: Any) -> prometheus.PrometheusProvider:
        found.append(settings)
        return prometheus.PrometheusProvider(settings, hook)

    monkeypatch.setattr(sources, "PrometheusProvider", make)
    return found


def new(token: Path | None = None) -> Sources:
    settings = Settings(prometheus_url=OWN, prometheus_token_file=str(token) if token else None)
    return Sources(settings, lambda *_: None)


def test_one_source_for_each_prometheus(made: list[prometheus.PrometheusSettings]) -> None:
    all_sources = new()
    own, other = rollout(), rollout("other")
    named = rollout(prometheus={"url": NAMED})
    assert all_sources.of(own) is all_sources.of(other)
    assert all_sources.of(named) is not all_sources.of(own)
    assert [settings.url for settings in made] == [OWN, NAMED]
    all_sources.close()


def test_the_operators_token_goes_to_its_own_prometheus_only(
    made: list[prometheus.PrometheusSettings], tmp_path: Path
) -> None:
    """Not even to that very address where a user wrote it: who names it does not get our rights."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    all_sources = new(token)
    specs: list[dict[str, Any]] = [{}, {"prometheus": {"url": NAMED}}, {"prometheus": {"url": OWN}}]
    for spec in specs:
        all_sources.of(rollout(**spec))
    assert [settings.headers for settings in made] == [{"Authorization": "Bearer secret"}, {}, {}]
    all_sources.close()


def test_a_token_that_is_replaced_is_used(made: list[prometheus.PrometheusSettings], tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    all_sources = new(token)
    before = all_sources.of(rollout())
    assert all_sources.of(rollout()) is before
    token.write_text("new")
    assert all_sources.of(rollout()) is not before
    assert [settings.headers["Authorization"] for settings in made] == ["Bearer old", "Bearer new"]
    all_sources.close()


def test_a_token_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="MODELROLLOUT_PROMETHEUS_TOKEN_FILE"):
        new(tmp_path / "missing").of(rollout())
