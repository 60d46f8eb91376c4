"""Identity of revisions and of stages."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.engine.revisions import canonical, revision_of, short_hash, stage_hash
from tests.support.scenes import CANDIDATE, METRICS, STAGES, Raw, raw_spec, spec_and_revision

pytestmark = pytest.mark.unit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), JSON))
def test_the_order_of_keys_does_not_count(content: dict[str, Any]) -> None:
    assert canonical(dict(reversed(content.items()))) == canonical(content)


@given(st.text())
def test_a_hash_fits_into_names_and_labels(text: str) -> None:
    assert re.fullmatch("[a-z][a-z2-7]{9}", short_hash(text))


def test_the_recipe_does_not_change() -> None:
    """A stored revision is named by it: another hash would restart what runs."""
    assert CANDIDATE.hash == "rgd7hy7tvb"
    assert CANDIDATE.object_name("digits") == "digits-rgd7hy7tvb"


def edit(path: str, value: object) -> Raw:
    raw = copy.deepcopy(raw_spec())
    *parents, last = path.split(".")
    part: Any = raw
    for name in parents:
        part = part[name]
    part[last] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value"),
    [("model.version", "3"), ("model.uri", "s3://m"), ("workload.deployment.template", {}), ("service.port", 9090)],
)
def test_what_makes_another_revision(path: str, value: object) -> None:
    assert revision_of(edit(path, value)).hash != CANDIDATE.hash


@pytest.mark.parametrize(
    ("path", "value"),
    [("workload.deployment.replicas", 9), ("stages", STAGES[1:]), ("metrics", METRICS[:1]), ("onFailure", "Hold")],
)
def test_what_does_not(path: str, value: object) -> None:
    assert revision_of(edit(path, value)) == CANDIDATE


def test_a_revision_can_be_read_back() -> None:
    raw = raw_spec()
    assert CANDIDATE.parsed() == {
        "model": raw["model"],
        "template": raw["workload"]["deployment"]["template"],
        "service": raw["service"],
    }
    assert (CANDIDATE.ref.revision, CANDIDATE.ref.version) == (CANDIDATE.hash, "2")


def hash_of(stage: str, **changes: Any) -> str:
    return stage_hash(spec_and_revision(raw_spec(**changes))[0], stage)


@pytest.mark.parametrize(
    "changes",
    [
        {"stages": [STAGES[0], STAGES[1] | {"duration": "1m"}, *STAGES[2:]]},
        {"metrics": [METRICS[0] | {"check": {"max": "0.02"}}, METRICS[1]]},
        {"metrics": METRICS[:1]},
        {"metrics": [METRICS[0], METRICS[1] | {"mode": "Enforce"}]},
    ],
    ids=["stage", "limit", "metric removed", "mode"],
)
def test_what_restarts_a_step(changes: Raw) -> None:
    assert hash_of("canary", **changes) != hash_of("canary")


@pytest.mark.parametrize(
    "changes",
    [
        {"stages": [STAGES[0], STAGES[1], STAGES[2], STAGES[3] | {"duration": "1m"}]},
        {"metrics": [*METRICS, METRICS[0] | {"name": "other", "stages": ["ramp"]}]},
        {"metrics": METRICS[::-1]},
        {"metrics": [METRICS[0] | {"minSamples": 100}, METRICS[1]]},
        {"rollbackWindow": "2h"},
    ],
    ids=["another stage", "a metric of another stage", "order", "a default written out", "the rest of the spec"],
)
def test_what_does_not_restart_a_step(changes: Raw) -> None:
    assert hash_of("canary", **changes) == hash_of("canary")


def test_another_trial_is_another_revision_of_the_same_version() -> None:
    raw = raw_spec()
    plain, first, second = (
        revision_of(raw | {"model": raw["model"] | trial}) for trial in ({}, {"trial": "aa-1"}, {"trial": "aa-2"})
    )
    assert len({plain.hash, first.hash, second.hash}) == 3
    assert plain.version == first.version == second.version
