from __future__ import annotations

import pytest

from modelrollout.kube.resources import GATEWAY_CLASS, MODEL_ROLLOUT, SERVICE

pytestmark = pytest.mark.unit


def test_paths() -> None:
    assert SERVICE.path(None) == "/api/v1/services"
    assert SERVICE.path("demo") == "/api/v1/namespaces/demo/services"
    assert (
        MODEL_ROLLOUT.path("demo", "digits", "status")
        == "/apis/modelrollout.io/v1alpha1/namespaces/demo/modelrollouts/digits/status"
    )
    assert GATEWAY_CLASS.path(None, "eg") == "/apis/gateway.networking.k8s.io/v1/gatewayclasses/eg"


def test_an_object_is_addressed_where_it_lives() -> None:
    with pytest.raises(ValueError, match="Service digits needs a namespace"):
        SERVICE.path(None, "digits")
    with pytest.raises(ValueError, match="GatewayClass has no namespace"):
        GATEWAY_CLASS.path("demo", "eg")


def test_names_as_kubectl_and_rbac_have_them() -> None:
    assert (SERVICE.full_name, SERVICE.api_version) == ("services", "v1")
    assert MODEL_ROLLOUT.full_name == "modelrollouts.modelrollout.io"
    assert MODEL_ROLLOUT.api_version == "modelrollout.io/v1alpha1"
