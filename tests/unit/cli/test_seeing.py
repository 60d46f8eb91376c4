"""Which revision the plugin takes a spec to ask for: the one that the operator does, without its records."""

from __future__ import annotations

import pytest

from modelrollout.api.controls import Control
from modelrollout.api.status import AttemptStatus, ModelRolloutStatus
from modelrollout.cli.choosing import NothingToDoError, click_for
from modelrollout.cli.seeing import desired_of
from modelrollout.cli.showing import detail
from modelrollout.engine.config import Config, wanted
from modelrollout.engine.revisions import Revision, revision_of
from tests.support.behind import FIRST, OLD, ONE, TWO, A, asks, known, serving
from tests.support.commands import seen_of
from tests.support.scenes import NOW, Raw, failure, raw_spec

pytestmark = pytest.mark.unit

DIGESTS = {"ConfigMap/model": "rone"}
CHANGED = {"ConfigMap/model": "rtwo"}


def tracking(version: str = "1", *, mounts: bool = True) -> Raw:
    """A spec of which a ConfigMap is part."""
    raw = raw_spec(version, deployment={"trackConfig": True})
    template = raw["workload"]["deployment"]["template"]
    volumes = [{"name": "model", "configMap": {"name": "model"}}] if mounts else []
    raw["workload"]["deployment"]["template"] = template | {"spec": template["spec"] | {"volumes": volumes}}
    return raw


WITH, WITH_CHANGED = revision_of(tracking(), DIGESTS), revision_of(tracking(), CHANGED)


def moving(revision: Revision, stable: Revision) -> ModelRolloutStatus:
    attempt = AttemptStatus(revision=revision.hash, version=revision.version, started_at=NOW)
    return ModelRolloutStatus(stable=stable.ref, attempt=attempt)


@pytest.mark.parametrize(
    ("raw", "status", "desired"),
    [
        pytest.param(
            asks("2", A, None),
            ModelRolloutStatus(stable=FIRST.ref, services=(known(FIRST, OLD),)),
            FIRST,
            id="the candidate is removed before the first promotion: what serves, whatever its version is called",
        ),
        pytest.param(
            asks("1", A, None),
            ModelRolloutStatus(stable=ONE.ref, services=(known(ONE, OLD),)),
            ONE,
            id="one Service, of which the spec says the version",
        ),
        pytest.param(
            asks("2"), ModelRolloutStatus(stable=FIRST.ref, services=(known(FIRST, OLD),)), TWO, id="the candidate"
        ),
        pytest.param(tracking(), ModelRolloutStatus(stable=WITH.ref), WITH, id="with a ConfigMap: the one that serves"),
        pytest.param(tracking(), moving(WITH_CHANGED, WITH), WITH_CHANGED, id="after its change: the one on its way"),
        pytest.param(
            tracking(),
            ModelRolloutStatus(stable=WITH.ref, failed=failure(WITH_CHANGED)),
            WITH_CHANGED,
            id="or the one that was rolled back",
        ),
        pytest.param(
            tracking(mounts=False),
            ModelRolloutStatus(stable=WITH.ref),
            revision_of(tracking(mounts=False)),
            id="a template that names nothing",
        ),
        pytest.param(
            tracking("2"), ModelRolloutStatus(stable=WITH.ref), revision_of(tracking("2")), id="another version"
        ),
    ],
)
def test_it_is_the_revision_that_the_operator_asks_for(raw: Raw, status: ModelRolloutStatus, desired: Revision) -> None:
    assert desired_of(raw, status) == desired.hash
    # What cannot be read now leaves the operator with its records, of which this is one.
    stored = (FIRST, ONE, TWO, WITH, WITH_CHANGED)
    assert wanted(raw, stored, status, Config(tracked=True)).revision == desired


def test_without_its_candidate_nothing_is_on_its_way_and_all_stages_are_over() -> None:
    seen = seen_of(serving(asks("2", A, None), stable=FIRST))
    assert not seen.is_waiting
    with pytest.raises(NothingToDoError, match=f"nothing to abort: version {A} serves"):
        click_for(Control.ABORT, seen, "1")
    assert "[x] full" in detail(seen, NOW)
