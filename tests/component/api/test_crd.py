"""The CRD on a real kube-apiserver: accepted, explained, shown, and the same verdict on thousands of odd manifests."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from modelrollout.api.resource import SpecError, parse
from modelrollout.api.status import ModelRolloutStatus
from tests.support.api_server import REPOSITORY, ApiServer
from tests.support.manifests import as_stored, good_manifests
from tests.support.mutations import mutants
from tests.support.statuses import FULL_STATUS

pytestmark = pytest.mark.component

CRD_NAME = "modelrollouts.modelrollout.io"


def test_it_is_structural_and_its_names_are_free(api_server: ApiServer) -> None:
    crd = json.loads(api_server.kubectl("get", "crd", CRD_NAME, "--output=json"))
    conditions = {condition["type"]: condition["status"] for condition in crd["status"]["conditions"]}
    assert conditions == {"Established": "True", "NamesAccepted": "True"}


def test_it_can_be_applied_again(api_server: ApiServer) -> None:
    file = REPOSITORY / "crds" / f"{CRD_NAME}.yaml"
    assert "unchanged" in api_server.kubectl("apply", "--filename", str(file))


def test_explain_describes_a_field_with_its_default(api_server: ApiServer) -> None:
    text = " ".join(api_server.kubectl("explain", "modelrollout.spec.metrics.interval").split())
    assert "Time between evaluations, from 1s. Default: 10s." in text


def test_explain_knows_every_field(api_server: ApiServer) -> None:
    text = api_server.kubectl("explain", "modelrollout.spec", "--recursive")
    for field in ("gatewayAPI", "noWorseThan", "onInconclusive", "progressDeadline", "revisionHistoryLimit"):
        assert f"{field}\t<" in text


def stored(api_server: ApiServer, namespace: str) -> None:
    """Put one object with a full status into the namespace."""
    (file,) = (file for file in good_manifests() if file.stem == "one-stage")
    api_server.kubectl("create", "--namespace", namespace, "--filename", str(file))
    patch = json.dumps({"status": FULL_STATUS.dump()})
    api_server.kubectl(
        "patch", "mr", "digits", "--namespace", namespace, "--subresource=status", "--type=merge", f"--patch={patch}"
    )


def test_a_full_status_is_stored_to_the_letter(api_server: ApiServer, namespace: str) -> None:
    stored(api_server, namespace)
    found = json.loads(api_server.kubectl("get", "mr", "digits", "--namespace", namespace, "--output=json"))
    assert found["status"] == FULL_STATUS.dump()
    assert ModelRolloutStatus.model_validate(found["status"]) == FULL_STATUS


def test_the_spec_is_stored_without_defaults(api_server: ApiServer, namespace: str) -> None:
    stored(api_server, namespace)
    found = json.loads(api_server.kubectl("get", "mr", "digits", "--namespace", namespace, "--output=json"))
    (file,) = (file for file in good_manifests() if file.stem == "one-stage")
    assert found["spec"] == yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]


def test_one_line_says_where_it_is_and_why(api_server: ApiServer, namespace: str) -> None:
    stored(api_server, namespace)
    header, line = api_server.kubectl("get", "ml", "--namespace", namespace).splitlines()
    assert header.split() == ["NAME", "VERSION", "STABLE", "PHASE", "STAGE", "WEIGHT", "VERDICT", "AGE"]
    cells = re.split(r"\s{2,}", line)
    assert cells[:-1] == ["digits", "1", "2", "Progressing", "3/4 ramp", "20", "passing: 4/4 checks, n=5120"]


def test_wide_output_adds_revisions_shadow_step_and_next_look(api_server: ApiServer, namespace: str) -> None:
    stored(api_server, namespace)
    header, line = api_server.kubectl("get", "mr", "--namespace", namespace, "--output=wide").splitlines()
    added = ["STABLE-REVISION", "CANDIDATE-REVISION", "SHADOW", "STEP-STARTED", "NEXT-LOOK"]
    assert [word for word in header.split() if word in added] == added
    assert re.search(r"acbd18db4c\s+b1946ac924\s+0\s+\d+d\s+12:00:05Z", line)


def test_the_operator_and_the_api_server_agree_on_every_mutant(api_server: ApiServer) -> None:
    """Each field of the fullest manifest, removed or given odd values: refused by both or by neither."""
    document = yaml.safe_load((REPOSITORY / "examples" / "full.yaml").read_text(encoding="utf-8"))
    cases = {f"m-{number}": mutant for number, mutant in enumerate(mutants(document))}
    for name, (_, _, manifest) in cases.items():
        manifest["metadata"] = {"name": name}
    items = {"apiVersion": "v1", "kind": "List", "items": [manifest for _, _, manifest in cases.values()]}
    outcome = api_server.attempt(
        "create", "--dry-run=server", "--validate=ignore", "--filename=-", stdin=json.dumps(items)
    )
    admitted = set(re.findall(r"modelrollout\.modelrollout\.io/(\S+) created", outcome.output))
    assert 0 < len(admitted) < len(cases)
    disagreed = [case[:2] for name, case in cases.items() if (name in admitted) != is_read(case[2])]
    assert disagreed == []


def is_read(manifest: dict[str, object]) -> bool:
    try:
        parse(as_stored(manifest))
    except SpecError:
        return False
    return True
