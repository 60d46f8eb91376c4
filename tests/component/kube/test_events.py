from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelrollout.api.resource import Key
from modelrollout.engine.plan import Event, EventType
from modelrollout.kube.events import NOTE_MAX_BYTES, SERIES_WITHIN, EventRecorder
from modelrollout.kube.resources import EVENT
from tests.support.lab import Lab

pytestmark = pytest.mark.component

HARM = Event(EventType.WARNING, "RolledBack", "error-rate 0.08 > 0.01 (n=640)")


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Log:
    """A log that a test reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, event: str, *_: Any, **fields: Any) -> None:
        self.lines.append(f"{event}: {fields}")


async def recorded(lab: Lab) -> list[dict[str, Any]]:
    return list((await lab.client.list(EVENT, lab.namespace)).items)


async def test_an_event_shows_in_describe(lab: Lab) -> None:
    recorder = EventRecorder(lab.client, instance="pod-0", log=Log(), now=Clock())
    await recorder.record(await lab.rollout(), HARM, action="RollBack")
    assert HARM.note in lab.kubectl("describe", "modelrollout", "digits")
    (event,) = await recorded(lab)
    assert (event["type"], event["reason"], event["action"]) == ("Warning", "RolledBack", "RollBack")
    assert event["reportingInstance"] == "pod-0"


async def test_repeats_within_minutes_are_counted(lab: Lab) -> None:
    clock = Clock()
    recorder = EventRecorder(lab.client, instance="pod-0", log=Log(), now=clock)
    rollout = await lab.rollout()
    for _ in range(3):
        await recorder.record(rollout, HARM, action="RollBack")
        clock.now += timedelta(minutes=1)
    await recorder.record(rollout, replace(HARM, note="another"), action="RollBack")
    counts = {event["note"]: event.get("series", {}).get("count") for event in await recorded(lab)}
    assert counts == {HARM.note: 3, "another": None}


async def test_a_repeat_after_a_long_time_is_a_new_event(lab: Lab) -> None:
    clock = Clock()
    recorder = EventRecorder(lab.client, instance="pod-0", log=Log(), now=clock)
    rollout = await lab.rollout()
    await recorder.record(rollout, HARM, action="RollBack")
    clock.now += SERIES_WITHIN + timedelta(seconds=1)
    await recorder.record(rollout, HARM, action="RollBack")
    assert len(await recorded(lab)) == 2


async def test_a_series_whose_event_has_expired_begins_again(lab: Lab) -> None:
    recorder = EventRecorder(lab.client, instance="pod-0", log=Log(), now=Clock())
    rollout = await lab.rollout()
    await recorder.record(rollout, HARM, action="RollBack")
    lab.kubectl("delete", "events", "--all")
    await recorder.record(rollout, HARM, action="RollBack")
    (event,) = await recorded(lab)
    assert "series" not in event


async def test_a_note_of_any_length_and_alphabet_is_recorded(lab: Lab) -> None:
    recorder = EventRecorder(lab.client, instance="pod-0", log=Log(), now=Clock())
    await recorder.record(await lab.rollout(), replace(HARM, note="Δ≥" * 1000), action="RollBack")
    (event,) = await recorded(lab)
    assert len(event["note"].encode()) <= NOTE_MAX_BYTES
    assert event["note"].endswith("…")


async def test_a_failure_is_logged_and_counted_and_stops_nobody(lab: Lab) -> None:
    log = Log()
    failures: list[None] = []
    recorder = EventRecorder(
        lab.client, instance="pod-0", log=log, now=Clock(), on_failure=lambda: failures.append(None)
    )
    rollout = replace(await lab.rollout(), key=Key("no-such-namespace", "digits"))
    await recorder.record(rollout, HARM, action="RollBack")
    assert len(failures) == 1
    assert "event not recorded" in log.lines[0]
