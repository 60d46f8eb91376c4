"""The rules of the spec, as a table of manifests; the same ones go to a real kube-apiserver in the component tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from modelrollout.api.resource import SpecError, parse
from tests.support.manifests import BadManifest, as_stored, bad_manifests, good_manifests

pytestmark = pytest.mark.unit

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("file", [*good_manifests(), *EXAMPLES], ids=lambda file: file.stem)
def test_accepted(file: Path) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert parse(as_stored(document)).key.name == document["metadata"]["name"]


@pytest.mark.parametrize("bad", bad_manifests(), ids=lambda bad: bad.name)
def test_refused(bad: BadManifest) -> None:
    with pytest.raises(SpecError) as refusal:
        parse(as_stored(bad.document))
    about = [problem for problem in refusal.value.problems if problem.startswith(bad.path)]
    assert len(about) == 1, refusal.value.problems
    assert bad.operator in about[0]


def test_all_problems_are_told_at_once() -> None:
    document = yaml.safe_load(good_manifests()[0].read_text(encoding="utf-8"))
    document["spec"]["service"]["port"] = 0
    document["spec"]["stages"][0]["duration"] = "5x"
    document["spec"]["metrics"][0]["check"] = {"max": "500m"}
    with pytest.raises(SpecError) as refusal:
        parse(as_stored(document))
    fields = {problem.partition(":")[0] for problem in refusal.value.problems}
    assert fields == {"spec.service.port", "spec.stages[0].duration", "spec.metrics[0].check.max"}
