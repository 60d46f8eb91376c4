from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.kube.events import NOTE_MAX_BYTES, clip

pytestmark = pytest.mark.unit


@given(st.text(max_size=2000))
def test_a_clipped_note_fits_and_says_that_it_is_clipped(note: str) -> None:
    clipped = clip(note)
    assert len(clipped.encode()) <= NOTE_MAX_BYTES
    assert clipped == note or (clipped.endswith("…") and note.startswith(clipped[:-1]))


def test_a_note_at_the_limit_is_whole() -> None:
    assert clip("x" * NOTE_MAX_BYTES) == "x" * NOTE_MAX_BYTES
