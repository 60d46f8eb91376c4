"""What the environment may say."""

from __future__ import annotations

import pytest

from e2e.demo.settings import Settings, read

pytestmark = pytest.mark.unit


def test_without_a_word_the_cluster_of_the_project_is_meant() -> None:
    assert read({}) == Settings()


def test_an_empty_variable_says_nothing() -> None:
    assert read({"PROMETHEUS_URL": "", "OPERATOR_IMAGE": ""}) == Settings()


def test_somebodys_own_cluster_is_described() -> None:
    environ = {
        "PROMETHEUS_URL": "http://prometheus.example.com",
        "GATEWAY_CLASS": "cilium",
        "OPERATOR_IMAGE": "r.example.com/modelrollout:7",
        "DIGITS_IMAGE": "r.example.com/digits:7",
    }
    assert read(environ) == Settings(
        prometheus="http://prometheus.example.com",
        gateway_class="cilium",
        operator_image="r.example.com/modelrollout:7",
        digits_image="r.example.com/digits:7",
    )
