"""Who may lead and for how long, by what was seen and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modelrollout.kube.election import MAX_DURATION, Record, Sighting, Tenure, Timing, is_free, sight

pytestmark = pytest.mark.unit

TIMING = Timing(duration=15, deadline=10, retry=2)
THEIRS = Record(holder="other", renewed="12:00:00", duration=15, transitions=3, resource_version="7")
RENEWED = replace(THEIRS, renewed="12:00:02", resource_version="8")
ME = "me"


def held_since(at: float, record: Record = THEIRS) -> Sighting:
    return Sighting(record, at, exists=True)


@pytest.mark.parametrize(
    ("seen", "now", "expected"),
    [
        pytest.param(Sighting(None, 100, exists=False), 100, True, id="there never was one"),
        pytest.param(held_since(100), 100, False, id="held, and just seen for the first time"),
        pytest.param(held_since(100), 115, False, id="not renewed for as long as the holder asks to wait"),
        pytest.param(held_since(100), 115.1, True, id="not renewed for longer"),
        pytest.param(held_since(100), 90, False, id="a clock that went back makes nothing old"),
        pytest.param(held_since(100, replace(THEIRS, duration=60)), 150, False, id="the holder's duration counts"),
        pytest.param(held_since(100, replace(THEIRS, duration=0)), 115.1, True, id="ours, if the holder names none"),
        pytest.param(held_since(100, replace(THEIRS, holder="")), 100, True, id="released"),
        pytest.param(held_since(100, replace(THEIRS, holder=ME)), 100, True, id="ours, and the answer was lost"),
        pytest.param(Sighting(THEIRS, 100, exists=False), 110, False, id="deleted: its holder may not know yet"),
        pytest.param(Sighting(THEIRS, 100, exists=False), 115.1, True, id="deleted, and its holder has given up"),
        pytest.param(
            held_since(100, replace(THEIRS, duration=1e9)), 100 + MAX_DURATION + 1, True, id="nobody waits for ever"
        ),
    ],
)
def test_a_lease_is_free(seen: Sighting, now: float, expected: bool) -> None:  # noqa: FBT001
    assert is_free(seen, ME, TIMING, now) is expected


@pytest.mark.parametrize(
    ("before", "found", "expected"),
    [
        pytest.param(None, THEIRS, held_since(50), id="first seen now, however old it says it is"),
        pytest.param(held_since(40), THEIRS, held_since(40), id="as before"),
        pytest.param(held_since(40), RENEWED, held_since(50, RENEWED), id="renewed"),
        pytest.param(
            held_since(40),
            replace(THEIRS, resource_version="9"),
            held_since(40, replace(THEIRS, resource_version="9")),
            id="a label is no renewal, and what is written names the new version",
        ),
        pytest.param(held_since(40), None, Sighting(THEIRS, 40, exists=False), id="deleted"),
        pytest.param(Sighting(THEIRS, 40, exists=False), None, Sighting(THEIRS, 40, exists=False), id="still deleted"),
        pytest.param(Sighting(THEIRS, 40, exists=False), THEIRS, held_since(50), id="made again"),
        pytest.param(None, None, Sighting(None, 50, exists=False), id="none"),
    ],
)
def test_a_sighting(before: Sighting | None, found: Record | None, expected: Sighting) -> None:
    assert sight(before, found, 50) == expected


def test_a_term_ends_before_others_may_take_the_lease() -> None:
    """Whenever they saw the renewal: at the earliest when it was sent."""
    tenure = Tenure(replace(THEIRS, holder=ME), since=100)
    assert tenure.left(TIMING, 100) == 10
    assert tenure.left(TIMING, 110) == 0
    assert not is_free(held_since(100), ME, TIMING, 110)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            replace(THEIRS, renewed="later", resource_version="9"), True, id="a renewal whose answer was lost"
        ),
        pytest.param(replace(THEIRS, holder="third", transitions=4), False, id="somebody else's"),
        pytest.param(replace(THEIRS, holder=""), False, id="released by somebody"),
        pytest.param(replace(THEIRS, transitions=5), False, id="ours again, after somebody else's"),
        pytest.param(None, False, id="deleted"),
    ],
)
def test_a_term_continues(found: Record | None, expected: bool) -> None:  # noqa: FBT001
    assert Tenure(THEIRS, since=0).continues(found) is expected
