"""A model that adds up numbers, sleeps as many seconds, and fails on less than nothing, served by Triton."""

from __future__ import annotations

import argparse
import time

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


@batch
def add(x: np.ndarray) -> list[np.ndarray]:
    """Answers with the sum of its input."""
    total = x.sum(axis=1, keepdims=True)
    if float(total.min()) < 0:
        raise ValueError("less than nothing")
    time.sleep(float(total.max()))
    return [total]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--grpc-port", type=int, required=True)
    parser.add_argument("--metrics-port", type=int, required=True)
    ports = parser.parse_args()
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=ports.http_port,
        grpc_port=ports.grpc_port,
        metrics_port=ports.metrics_port,
        exit_on_error=True,
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="adder",
            infer_func=add,
            inputs=[Tensor(name="x", dtype=np.float64, shape=(-1,))],
            outputs=[Tensor(name="sum", dtype=np.float64, shape=(1,))],
            config=ModelConfig(max_batch_size=8),
        )
        triton.serve()
