from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from modelrollout.api.conditions import Condition, ConditionStatus, ConditionType
from modelrollout.api.resource import Key
from modelrollout.api.status import ModelRolloutStatus, Phase, RevisionRef
from modelrollout.kube.errors import ConflictError, NotFoundError
from modelrollout.kube.resources import MODEL_ROLLOUT
from modelrollout.kube.status import read_rollout, write_status
from tests.support.lab import Lab

pytestmark = pytest.mark.component

READY = Condition(
    type=ConditionType.READY,
    status=ConditionStatus.TRUE,
    last_transition_time=datetime(2026, 11, 21, 10, tzinfo=UTC),
    reason="Serving",
)
STATUS = ModelRolloutStatus(
    phase=Phase.PROGRESSING,
    weight=5,
    verdict="passing",
    stable=RevisionRef(revision="rabcdefghi", version="1"),
    conditions=(READY,),
)


async def test_status_is_read_back_as_it_was_written(lab: Lab) -> None:
    rollout = await lab.rollout()
    version = await write_status(lab.client, rollout, STATUS)
    found = await read_rollout(lab.client, rollout.key)
    assert found is not None
    assert (found.status, found.resource_version) == (STATUS, version)
    assert (found.raw_spec, found.generation) == (rollout.raw_spec, rollout.generation)


async def test_what_became_none_or_left_a_list_vanishes(lab: Lab) -> None:
    rollout = await lab.rollout()
    version = await write_status(lab.client, rollout, STATUS)
    less = STATUS.model_copy(update={"stable": None, "verdict": None, "conditions": ()})
    await write_status(lab.client, replace(rollout, resource_version=version), less)
    stored = (await lab.live(MODEL_ROLLOUT, "digits"))["status"]
    assert not {"stable", "verdict"} & set(stored)
    assert stored["conditions"] == []


async def test_a_stale_write_is_refused(lab: Lab) -> None:
    rollout = await lab.rollout()
    lab.kubectl("annotate", "modelrollout", "digits", "touched=yes")
    with pytest.raises(ConflictError):
        await write_status(lab.client, rollout, STATUS)


async def test_labels_and_annotations_survive_a_status_write(lab: Lab) -> None:
    await lab.rollout()
    lab.kubectl("annotate", "modelrollout", "digits", "touched=yes")
    rollout = await read_rollout(lab.client, Key(lab.namespace, "digits"))
    assert rollout is not None
    await write_status(lab.client, rollout, STATUS)
    assert (await lab.live(MODEL_ROLLOUT, "digits"))["metadata"]["annotations"] == {"touched": "yes"}


async def test_a_rollout_that_is_gone_gets_no_status(lab: Lab) -> None:
    rollout = await lab.rollout()
    await lab.client.delete(MODEL_ROLLOUT, lab.namespace, "digits", uid=rollout.uid)
    with pytest.raises(NotFoundError):
        await write_status(lab.client, rollout, STATUS)
    assert await read_rollout(lab.client, rollout.key) is None
