"""The CRD on a real kube-apiserver: accepted, explained, shown."""

from __future__ import annotations

import pytest

from tests.support.api_server import ApiServer

pytestmark = pytest.mark.component


def test_established(api_server: ApiServer) -> None:
    path = "jsonpath={.status.conditions[?(@.type=='NonStructuralSchema')].message}"
    assert api_server.kubectl("get", "crd", "modelrollouts.modelrollout.io", "--output", path) == ""
