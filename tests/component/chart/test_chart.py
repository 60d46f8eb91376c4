"""The chart by real helm, on a real kube-apiserver."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from modelrollout.runtime.settings import Settings, read_settings
from tests.support.api_server import CRD, ApiServer
from tests.support.helm_chart import (
    CHART,
    NAMESPACE,
    HelmError,
    cases,
    expected_file,
    helm,
    manifests,
    one,
    operator_environment,
    render,
    without_crd,
)

pytestmark = pytest.mark.component

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:modelrollout"


@pytest.mark.parametrize("values", cases(), ids=lambda file: file.name.partition(".")[0])
def test_lint(values: Path) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, "--values", values)


@pytest.mark.parametrize("values", cases(), ids=lambda file: file.name.partition(".")[0])
def test_rendered_as_expected(values: Path) -> None:
    expected = expected_file(values).read_text(encoding="utf-8")
    assert without_crd(render("--values", values)) == expected, "run `python -m tests.support.helm_chart` and look"


def test_the_defaults_are_the_operator_s_own() -> None:
    assert read_settings(operator_environment(manifests(render()))) == Settings()


def test_the_operator_reads_what_is_set() -> None:
    (values,) = (file for file in cases() if file.name == "namespaced.values.yaml")
    settings = read_settings(operator_environment(manifests(render("--values", values))))
    assert settings.namespaces == ("team-a", "team-b")
    assert (settings.revision_label, settings.name_label) == ("revision", "rollout")
    assert settings.prometheus_token_file == "/var/run/secrets/modelrollout/prometheus/token"


def test_one_replica_alone_has_no_budget_that_could_keep_a_node_from_being_drained() -> None:
    kinds = [manifest["kind"] for manifest in manifests(render("--set", "replicas=1"))]
    assert "PodDisruptionBudget" not in kinds


def test_the_crd_is_the_generated_one_and_is_kept() -> None:
    rendered = one(manifests(render()), "CustomResourceDefinition")
    assert rendered["spec"] == yaml.safe_load(CRD.read_text(encoding="utf-8"))["spec"]
    assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_an_older_kubernetes_is_refused() -> None:
    with pytest.raises(HelmError, match=r"requires kubeVersion: >=1\.31"):
        render("--kube-version", "1.30.9")


def test_an_account_that_is_not_made_must_be_named() -> None:
    with pytest.raises(HelmError, match=r"serviceAccount\.name is needed"):
        render("--set", "serviceAccount.create=false")


@pytest.fixture(scope="module")
def installed(api_server: ApiServer) -> ApiServer:
    """The chart with its defaults on the API server, and two namespaces."""
    api_server.kubectl("create", "namespace", NAMESPACE)
    api_server.kubectl("apply", "--filename=-", stdin=render("--set", "crds.install=false,flowSchema.enabled=true"))
    return api_server


def test_the_api_server_takes_every_object(installed: ApiServer) -> None:
    kinds = "deployment,service,serviceaccount,clusterrole,clusterrolebinding,flowschema,poddisruptionbudget"
    names = installed.kubectl("get", kinds, "--namespace", NAMESPACE, "--output=name").splitlines()
    assert len([name for name in names if name.endswith("/modelrollout")]) == 7


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("watch", "modelrollouts.modelrollout.io"),
        ("patch", "modelrollouts.modelrollout.io"),
        ("update", "modelrollouts.modelrollout.io --subresource=status"),
        ("update", "modelrollouts.modelrollout.io --subresource=finalizers"),
        ("create", "controllerrevisions.apps"),
        ("patch", "deployments.apps"),
        ("create", "horizontalpodautoscalers.autoscaling"),
        ("delete", "services"),
        ("patch", "httproutes.gateway.networking.k8s.io"),
        ("list", "pods"),
        ("get", "pods --subresource=log"),
        ("patch", "jobs.batch"),
        ("delete", "jobs.batch"),
        ("watch", "endpointslices.discovery.k8s.io"),
        ("list", "gateways.gateway.networking.k8s.io"),
        ("list", "gatewayclasses.gateway.networking.k8s.io"),
        ("create", "events.events.k8s.io"),
        ("create", "leases.coordination.k8s.io"),
        ("get", "leases.coordination.k8s.io/modelrollout"),
        ("patch", "leases.coordination.k8s.io/modelrollout"),
    ],
)
def test_the_operator_may(installed: ApiServer, verb: str, resource: str) -> None:
    assert answer(installed, verb, resource) == "yes"


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "secrets"),
        ("get", "configmaps"),
        ("list", "configmaps"),
        ("create", "pods"),
        ("delete", "pods"),
        ("create", "pods --subresource=exec"),
        ("create", "modelrollouts.modelrollout.io"),
        ("delete", "modelrollouts.modelrollout.io"),
        ("patch", "gateways.gateway.networking.k8s.io"),
        ("get", "customresourcedefinitions.apiextensions.k8s.io"),
        ("list", "namespaces"),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
        ("impersonate", "serviceaccounts"),
        ("patch", "leases.coordination.k8s.io/another"),
        ("delete", "leases.coordination.k8s.io/modelrollout"),
        ("create", "leases.coordination.k8s.io --namespace=default"),
    ],
)
def test_the_operator_may_not(installed: ApiServer, verb: str, resource: str) -> None:
    assert answer(installed, verb, resource) == "no"


def answer(server: ApiServer, verb: str, resource: str) -> str:
    where = () if "--namespace" in resource else (f"--namespace={NAMESPACE}",)
    return server.attempt("auth", "can-i", verb, *resource.split(), *where, f"--as={ACCOUNT}").output.strip()


def test_with_namespaces_rights_end_there(api_server: ApiServer) -> None:
    inside, outside = api_server.make_namespace(), api_server.make_namespace()
    values = ("--set", f"crds.install=false,watch.namespaces={{{inside}}},fullnameOverride=narrow")
    rendered = [manifest for manifest in manifests(render(*values)) if "Role" in manifest["kind"]]
    api_server.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(rendered))
    account = f"--as=system:serviceaccount:{NAMESPACE}:narrow"
    for namespace, expected in ((inside, "yes"), (outside, "no")):
        outcome = api_server.attempt("auth", "can-i", "patch", "deployments.apps", "--namespace", namespace, account)
        assert outcome.output.strip() == expected


@pytest.mark.parametrize(
    ("verb", "resource", "expected"),
    [
        pytest.param("patch", "modelrollouts.modelrollout.io", "yes", id="a finalizer, when the Role in there is gone"),
        pytest.param("get", "modelrollouts.modelrollout.io", "no", id="nothing is read there"),
        pytest.param("update", "modelrollouts.modelrollout.io --subresource=status", "no", id="or said"),
        pytest.param("get", "namespaces/served", "yes", id="whether it is there"),
        pytest.param("get", "namespaces/another", "no", id="of no other"),
    ],
)
def test_rights_that_outlive_a_namespace(api_server: ApiServer, verb: str, resource: str, expected: str) -> None:
    values = ("--set", "crds.install=false,watch.namespaces={served},fullnameOverride=outlive")
    rendered = [manifest for manifest in manifests(render(*values)) if manifest["kind"].startswith("ClusterRole")]
    api_server.kubectl("apply", "--filename=-", stdin=yaml.safe_dump_all(rendered))
    account = f"--as=system:serviceaccount:{NAMESPACE}:outlive"
    outcome = api_server.attempt("auth", "can-i", verb, *resource.split(), "--namespace=served", account)
    assert outcome.output.strip() == expected
