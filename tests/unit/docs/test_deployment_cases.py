"""The page on deployment cases shows the examples as they are, and they can be carried out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.api.names import ROLE_HEADER
from modelrollout.api.resource import Key, ModelRollout, parse_spec
from modelrollout.api.stages import ModelRole
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.fallback import fallback_problems
from modelrollout.engine.validate import problems_of
from modelrollout.traffic.capabilities import BACKEND_HEADERS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/deployment-cases.md").read_text(encoding="utf-8")
EXAMPLES = ["new-capability", "manual-task", "blue-green"]


def text_of(name: str) -> str:
    return (ROOT / "examples" / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_shown_as_it_is(name: str) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == len(EXAMPLES)
    assert blocks.count(text_of(name)) == 1


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_can_be_carried_out_from_nothing(name: str) -> None:
    raw: dict[str, Any] = yaml.safe_load(text_of(name))["spec"]
    spec = parse_spec(raw)
    first = ModelRollout(
        key=Key("demo", "digits"),
        uid="uid",
        resource_version="1",
        generation=1,
        deleting=False,
        spec=spec,
        raw_spec=raw,
        status=ModelRolloutStatus(),
        annotations={},
    )
    assert (*problems_of(spec), *fallback_problems(first, 1)) == ()


def test_roles_and_their_header_are_named() -> None:
    assert ROLE_HEADER in PAGE
    assert BACKEND_HEADERS in PAGE
    assert all(f"`{role.value}`" in PAGE for role in ModelRole)
