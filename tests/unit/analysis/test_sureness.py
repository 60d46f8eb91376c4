import math

import pytest

from modelrollout.analysis.sureness import Sureness, format_confidence

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("log_e", "text", "outlook"),
    [
        pytest.param(math.log(2500), "confidence 0.9996", "", id="enough"),
        pytest.param(
            math.log(10), "confidence 0.90 of 0.95", ": about 310 more requests like these would show it", id="near"
        ),
        pytest.param(0.0, "confidence 0.00 of 0.95", "", id="nothing"),
        pytest.param(-40.0, "confidence 0.00 of 0.95", "", id="the-other-way"),
        pytest.param(math.inf, "confidence >0.999999", "", id="certain"),
    ],
)
def test_in_words(log_e: float, text: str, outlook: str) -> None:
    sure = Sureness(log_e, 0.05)
    assert (sure.text, sure.outlook(1000)) == (text, outlook)


@pytest.mark.parametrize(
    ("confidence", "text"),
    [(0.0, "0.00"), (0.5, "0.50"), (0.95, "0.95"), (0.999, "0.999"), (0.99983, "0.9998"), (1.0, ">0.999999")],
)
def test_a_confidence_is_never_rounded_up(confidence: float, text: str) -> None:
    assert format_confidence(confidence) == text
