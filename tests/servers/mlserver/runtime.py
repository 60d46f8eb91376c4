"""A model that adds up numbers, sleeps as many seconds, and fails on less than nothing, served by MLServer."""

from __future__ import annotations

import asyncio

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Adder(MLModel):
    """Answers with the sum of its input."""

    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        numbers = [float(number) for number in payload.inputs[0].data]
        total = sum(numbers)
        if total < 0:
            raise ValueError("less than nothing")
        await asyncio.sleep(total)
        output = ResponseOutput(name="sum", shape=[1], datatype="FP64", data=[total])
        return InferenceResponse(model_name=self.name, outputs=[output])
