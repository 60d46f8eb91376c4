"""A model that adds up numbers, sleeps as many seconds, and fails on less than nothing, served by BentoML."""

from __future__ import annotations

import asyncio

import bentoml


@bentoml.service(name="adder")
class Adder:
    """Answers with the sum of its input."""

    @bentoml.api
    async def predict(self, numbers: list[float]) -> float:
        total = sum(numbers)
        if total < 0:
            raise ValueError("less than nothing")
        await asyncio.sleep(total)
        return total
