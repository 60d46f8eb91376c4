"""Serve one version of the digits model with KServe's model server, by the V2 (Open Inference) protocol.

MODEL_VERSION=v2 python -m server.server

POST /v2/models/digits/infer    {"inputs": [{"name": "x", "shape": [n, 64], "datatype": "FP32", "data": [...]}]}
GET  /v2/models/digits/ready    for readiness probes
GET  /v2/health/live            for liveness probes
GET  /metrics                   all on one port
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.errors import InferenceError, InvalidInput
from kserve.model_server import app

from . import metrics
from .reports import Reporter
from .versions import VERSIONS, Images

NAME = "digits"
GRACE_SECONDS = 5
"""How long a stopping server waits for the requests in flight. v6 would wait for ever."""


class Digits(Model):  # type: ignore[misc]  # kserve ships no types
    """One version of the model behind KServe's interface."""

    def __init__(self, version: str, file: Path, reporter: Reporter | None = None) -> None:
        super().__init__(NAME)
        self._reporter = reporter
        self._version = version
        self._behaviour = VERSIONS[version]
        self._file = file
        self._accelerator = asyncio.Semaphore(1)

    def load(self) -> bool:
        """Read the classifier, and predict once so that the first user does not pay for lazy imports."""
        self._classifier = joblib.load(self._file)
        self._probabilities(np.full((1, 64), 8.0))
        metrics.create_series(NAME, range(10))
        self.ready = True
        return True

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None) -> InferResponse:
        """Return the most probable digit for each image, as output `label`.

        Raises InvalidInput (HTTP 400) when the input is not n images of 64 pixels, and InferenceError (HTTP 500) when
        the model fails: any other exception would make the server close the connection and break other requests on it.
        """
        images = _images(payload)
        if self._behaviour.hangs:
            await self._occupy_accelerator()
        for image in images:
            metrics.count_input(NAME, float(image.mean()))
        try:
            probabilities = await asyncio.to_thread(self._probabilities, images)
        except ValueError as error:
            raise InferenceError(str(error).splitlines()[0]) from error
        best = probabilities.argmax(axis=1)
        labels = self._classifier.classes_[best].astype(np.int64)
        for label, confidence in zip(labels, probabilities.max(axis=1), strict=True):
            metrics.count_prediction(NAME, int(label), float(confidence))
        known = _known_label(payload)
        if known is not None and len(labels) == 1:
            metrics.count_labelled(NAME, known, int(labels[0]))
        self._report(headers or {}, labels, known)
        output = InferOutput("label", list(labels.shape), "INT64", data=labels.tolist())
        return InferResponse(payload.id or "", NAME, [output], model_version=self._version)

    def _report(self, headers: dict[str, str], labels: Any, known: int | None) -> None:
        """Tell the comparer, where there is one. The gateway gives each request an id, and its copy the same one."""
        request = headers.get("x-request-id")
        if self._reporter is not None and request is not None and len(labels) == 1:
            self._reporter.report(request, str(int(labels[0])), None if known is None else str(known))

    def _probabilities(self, images: Images) -> Any:
        return self._classifier.predict_proba(self._behaviour.prepare_serving(images))

    async def _occupy_accelerator(self) -> None:
        """Take the accelerator for this request. The bug of v6: the first one never gives it back, nor goes on."""
        async with self._accelerator:
            await self._accelerator.acquire()


def _images(payload: InferRequest) -> Images:
    if not payload.inputs:
        raise InvalidInput("inputs: give one input of shape [n, 64]; it is empty")
    try:
        images = np.asarray(payload.inputs[0].as_numpy(), dtype=np.float64)
    except ValueError as error:
        raise InvalidInput(f"inputs[0]: give shape [n, 64] and as many numbers in data ({error})") from error
    if images.ndim != 2 or images.shape[1] != 64:
        raise InvalidInput(f"inputs[0].shape: give [n, 64]; it is {list(images.shape)}")
    return images


def _known_label(payload: InferRequest) -> int | None:
    """Return the right answer where the sender knows it, as that of a labelled probe does: parameter `label`."""
    label = (payload.parameters or {}).get("label")
    return label if isinstance(label, int) and 0 <= label <= 9 else None


def _shorten(record: logging.LogRecord) -> bool:
    """Log a refused or failed request as one line: KServe writes the traceback of each, many times a second."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, InferenceError | InvalidInput):
        record.msg, record.args, record.exc_info = f"{type(error).__name__}: {error.reason}", (), None
    return True


def main() -> None:
    """Read the version from the command line or MODEL_VERSION, and serve it until told to stop."""
    parser = argparse.ArgumentParser(
        parents=[model_server.parser], description="Serve one version of the digits model."
    )
    parser.add_argument("--model_version", default=os.environ.get("MODEL_VERSION", "v1"), choices=list(VERSIONS))
    parser.add_argument("--model_directory", type=Path, default=Path("models"))
    arguments = parser.parse_args()

    comparer = os.environ.get("COMPARER_URL")
    reporter = Reporter(comparer, os.environ.get("REVISION", arguments.model_version)) if comparer else None
    file = arguments.model_directory / f"{arguments.model_version}.joblib"
    model = Digits(arguments.model_version, file, reporter)
    model.load()
    app.add_middleware(metrics.InferenceMetrics, version=arguments.model_version)
    server = ModelServer(enable_grpc=False, enable_latency_logging=False, grace_period=GRACE_SECONDS)
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")  # KServe's, once for each failed request
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # a line for each request is work and tells nothing
    logging.getLogger("kserve.trace").setLevel(logging.WARNING)
    logging.getLogger("kserve").addFilter(_shorten)
    server.start([model])


if __name__ == "__main__":
    main()
