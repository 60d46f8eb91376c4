"""The README says what is so: its manifests, links, commands, settings and figures are those of the repository."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from modelrollout.api.resource import parse_spec
from modelrollout.engine.validate import problems_of
from modelrollout.traffic.capabilities import MEASURED, Mirroring

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
CONTROLLERS = {
    "Envoy Gateway": "gateway.envoyproxy.io/gatewayclass-controller",
    "Istio": "istio.io/gateway-controller",
    "Contour": "projectcontour.io/gateway-controller",
    "Traefik": "traefik.io/gateway-controller",
}
SHADOW = {Mirroring.PERCENT: "any percent", Mirroring.ALL: "`percent: 100` only", Mirroring.NONE: "refused"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(README), re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[str]:
    """Targets of links and images within the repository, outside of code."""
    prose = re.sub(r"^ *```.*?^ *```$|`[^`\n]*`", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not urlsplit(target).scheme:
            yield target


def anchors(page: Path) -> set[str]:
    """Headings as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def table_after(heading: str) -> list[list[str]]:
    """Rows of the first table after a heading, without its head."""
    section = text_of(README).split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return rows[2:]


@pytest.mark.parametrize("file", ["examples/minimal.yaml", "examples/full.yaml"])
def test_a_manifest_is_the_file(file: str) -> None:
    assert blocks("yaml").count(text_of(ROOT / file)) == 1


@pytest.mark.parametrize("block", blocks("yaml"), ids=["minimal", "full"])
def test_a_manifest_can_be_carried_out(block: str) -> None:
    manifest: dict[str, Any] = yaml.safe_load(block)
    assert manifest["kind"] == "ModelRollout"
    assert problems_of(parse_spec(manifest["spec"])) == ()


def test_the_second_version_is_another_revision() -> None:
    shell = "\n".join(blocks("sh"))
    manifest = text_of(ROOT / "examples/minimal.yaml")
    for old, new in re.findall(r"-e 's/([^/]*)/([^/]*)/'", shell):
        assert manifest.count(old) == 1
        assert old != new
        manifest = manifest.replace(old, new)
    spec = yaml.safe_load(manifest)["spec"]
    assert spec["model"]["version"] == "2"
    assert parse_spec(spec).model.version == "2"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_are_targets_of_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9 -]*):", text_of(ROOT / "Makefile"), re.MULTILINE))
    known = {name for line in targets for name in line.split()}
    assert known >= {"demo", "demo-down", "test"}
    code = "\n".join(re.findall(r"^ *```.*?^ *```$|`[^`\n]*`", text_of(page), re.MULTILINE | re.DOTALL))
    assert set(re.findall(r"(?:^|`)make ([a-z0-9-]+)", code, re.MULTILINE)) <= known


def test_settings_are_those_of_the_chart() -> None:
    values = yaml.safe_load(text_of(ROOT / "charts/modelrollout/values.yaml"))
    named = re.findall(r"--set ([\w.]+)=|`((?:selector|reconcile|prometheus)\.\w+)`", text_of(README))
    paths = {path for pair in named for path in pair if path}
    assert {"image.repository", "prometheus.scrapeInterval", "selector.revisionLabel"} <= paths
    for path in paths:
        value = values
        for key in path.split("."):
            assert key in value, path
            value = value[key]


def test_versions_are_those_of_the_chart() -> None:
    chart = yaml.safe_load(text_of(ROOT / "charts/modelrollout/Chart.yaml"))
    tags = re.findall(r"/modelrollout:(\S+)", text_of(README))
    assert set(tags) == {chart["appVersion"]}, "helm takes the chart's appVersion as the tag"
    least = re.search(r"Kubernetes ([\d.]+) or later", text_of(README))
    assert least is not None
    assert f">={least[1]}." in chart["kubeVersion"]


def test_gateways_are_what_the_operator_knows_of_them() -> None:
    shadows = {row[0].rsplit(" ", 1)[0]: row[2] for row in table_after("Gateways") if row[0] != "others"}
    assert shadows == {name: SHADOW[MEASURED[controller]] for name, controller in CONTROLLERS.items()}
    assert set(CONTROLLERS.values()) == set(MEASURED)


def test_figures_are_of_the_measured_kind() -> None:
    measured = text_of(ROOT / "benchmarks/results.md")
    figures = [re.split(r" \(\d| of \d", row[0])[0] for row in table_after("Numbers")]
    assert len(figures) == 5
    assert [figure for figure in figures if f"| {figure}" not in measured] == []


def test_false_rollbacks_are_those_that_were_measured() -> None:
    cells = json.loads(text_of(ROOT / "benchmarks/judgement/results.json"))["false"]
    alone = [cell for cell in cells if cell["world"] in {"independent errors", "common shocks", "diurnal"}]
    together = [cell for cell in cells if cell not in alone]
    columns = [(alone, "judge"), (together, "judge"), (together, "measured"), (together, "least")]
    for row, (found, judge) in zip(table_after("How often it is wrong"), columns, strict=True):
        runs = sum(cell["runs"] for cell in found)
        counts = [sum(cell[rule] for cell in found) for rule in (judge, "strikes", "z")]
        parts = [f"{count / runs:.{1 if count < runs / 100 else 0}%}".replace("%", " %") for count in counts]
        assert row[1:] == [f"{parts[0]} ({counts[0]} of {runs:,})", *parts[1:]]


def test_what_is_shown_of_the_demo_is_of_its_transcript_and_in_its_order() -> None:
    transcript = text_of(ROOT / "docs/demo-transcript.txt").splitlines()
    shown = [line for line in blocks("text")[0].splitlines() if line]
    assert len(shown) > 25
    lines = iter(transcript)
    assert [line for line in shown if line not in lines] == []
