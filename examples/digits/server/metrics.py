"""What the server tells Prometheus, on the same port and `/metrics` path as KServe's own metrics.

Every label value that can be known is created at once, with 0: a series that is born with its first event has no
earlier sample to compare with, so its first events would be lost in a rate.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from prometheus_client import Counter, Histogram, disable_created_metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# The usual buckets begin at 5 ms, where a model that needs 0.5 ms and one that needs 4 ms look alike.
_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SHARES = tuple(step / 20 for step in range(1, 21))
_INK = (2.0, 3.0, 4.0, 4.5, 5.0, 5.5, 6.0, 7.0, 8.0, 10.0, 16.0)

# A `_created` series beside each counter would double what every scrape carries.
disable_created_metrics()  # type: ignore[no-untyped-call]

_REQUESTS = Counter("model_http_requests", "Answered inference requests by status code.", ["code"])
_LATENCY = Histogram("model_http_request_seconds", "Time to answer an inference request.", buckets=_SECONDS)
_PREDICTIONS = Counter("ml_predictions", "Predictions by predicted class.", ["model_name", "prediction"])
_LABELLED = Counter(
    "ml_labelled_answers",
    "Answers to requests whose right answer is known, by that answer.",
    ["model_name", "digit", "outcome"],
)
_CONFIDENCE = Histogram(
    "ml_prediction_confidence", "Highest class probability of a prediction.", ["model_name"], buckets=_SHARES
)
_FEATURE = Histogram(
    "ml_input_feature", "A number computed from each input image.", ["model_name", "feature"], buckets=_INK
)


def create_series(model_name: str, classes: Iterable[int]) -> None:
    """Create every known series with the value 0."""
    for code in ("200", "400", "422", "500", "503"):
        _REQUESTS.labels(code)
    for digit in classes:
        _PREDICTIONS.labels(model_name, str(digit))
        for outcome in ("right", "wrong"):
            _LABELLED.labels(model_name, str(digit), outcome)
    _CONFIDENCE.labels(model_name)
    _FEATURE.labels(model_name, "mean_ink")


def count_input(model_name: str, mean_ink: float) -> None:
    """Count one input image by its mean ink, from 0 to 16."""
    _FEATURE.labels(model_name, "mean_ink").observe(mean_ink)


def count_prediction(model_name: str, digit: int, confidence: float) -> None:
    """Count one prediction and its confidence, a probability."""
    _PREDICTIONS.labels(model_name, str(digit)).inc()
    _CONFIDENCE.labels(model_name).observe(confidence)


def count_labelled(model_name: str, label: int, predicted: int) -> None:
    """Count one answer to a request whose right answer was known."""
    _LABELLED.labels(model_name, str(label), "right" if predicted == label else "wrong").inc()


class InferenceMetrics:
    """ASGI middleware: counts and times inference requests, and names the version in a header of every answer.

    Probes, `/metrics` and the like are passed on uncounted. A request that is never answered is never counted: only
    its absence tells.
    """

    def __init__(self, app: Application, version: str) -> None:
        self._app = app
        self._header = (b"x-model-version", version.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        counted = scope["path"].endswith(("/infer", ":predict"))
        began = time.perf_counter()

        def count(code: str) -> None:
            if counted:
                _REQUESTS.labels(code).inc()
                _LATENCY.observe(time.perf_counter() - began)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), self._header]
                count(str(message["status"]))
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            count("500")  # no handler knew it, so the server itself answers, outside of this middleware
            raise
