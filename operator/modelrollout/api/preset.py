"""`spec.preset` and `status.effectiveMetrics`: metrics that the operator knows of a model server."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import Field, ValidationError

from modelrollout.api.metrics import Metric
from modelrollout.api.model import APIModel
from modelrollout.api.scalars import Preserved


class PresetName(StrEnum):
    """Whose metrics are judged: one per file in metrics/presets, and two that name none."""

    AUTO = "auto"
    NONE = "none"
    BENTOML = "bentoml"
    ENVOY_GATEWAY = "envoy-gateway"
    ISTIO = "istio"
    KSERVE = "kserve"
    MLSERVER = "mlserver"
    OPENVINO = "openvino"
    RAY_SERVE = "ray-serve"
    SELDON = "seldon"
    SGLANG = "sglang"
    TENSORFLOW_SERVING = "tensorflow-serving"
    TGI = "tgi"
    TORCHSERVE = "torchserve"
    TRITON = "triton"
    VLLM = "vllm"


class EffectiveMetrics(APIModel):
    """What a preset stands for in one attempt: chosen once, and the same until the attempt ends."""

    asked: PresetName = Field(description="What the spec asked for.")
    preset: PresetName = Field(description="What that is; none where nothing was found and nothing is needed.")
    revision: str = Field(max_length=63, description="The candidate whose attempt it was chosen for.")
    since: datetime = Field(description="When that attempt began.")
    metrics: tuple[Preserved, ...] = Field(
        (), max_length=32, description="Metrics as they could be written in spec.metrics."
    )
    left_out: tuple[str, ...] = Field((), max_length=16, description="What the server does not tell here, and why.")

    def parsed(self) -> tuple[Metric, ...] | None:
        """The metrics; None where another release wrote one that this one cannot read."""
        try:
            return tuple(Metric.model_validate(metric) for metric in self.metrics)
        except ValidationError:
            return None
