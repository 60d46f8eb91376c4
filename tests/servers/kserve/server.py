"""A model that adds up numbers, sleeps as many seconds, and fails on less than nothing, served by the KServe SDK."""

from __future__ import annotations

import asyncio

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InferenceError


class Adder(Model):
    """Answers with the sum of its input."""

    def load(self) -> bool:
        self.ready = True
        return self.ready

    async def predict(self, payload: InferRequest, *_: object, **__: object) -> InferResponse:
        total = float(sum(payload.inputs[0].data))
        if total < -1:
            # Of another type, it makes the server close the connection, and the next request on it fails as well.
            raise ValueError("far less than nothing")
        if total < 0:
            raise InferenceError("less than nothing")
        await asyncio.sleep(total)
        output = InferOutput("sum", [1], "FP64", [total])
        return InferResponse(payload.id or "", self.name, [output])


if __name__ == "__main__":
    model = Adder("adder")
    model.load()
    ModelServer().start([model])
