"""What a person does by annotation, as `kubectl annotate` and `kubectl mr` do it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from e2e.support.manifests import NAME
from e2e.support.scenario import Scenario
from modelrollout.api.conditions import ConditionType, find_condition
from modelrollout.api.controls import Control
from modelrollout.api.status import ModelRolloutStatus

OPERATOR = Path(__file__).resolve().parents[2] / "operator"


def click(scenario: Scenario, control: Control, revision: str) -> None:
    """Annotate for a revision; the same again takes another value, such as `HASH.2`."""
    scenario.kubectl("annotate", "mr", NAME, "--overwrite", f"{control.annotation}={revision}")


def candidate(scenario: Scenario) -> str:
    """Hash of the candidate's revision."""
    return str(scenario.rollout["status"]["attempt"]["revision"])


def mr(scenario: Scenario, *words: str) -> str:
    """Run the plugin; what it prints. Raises CalledProcessError when it is refused."""
    done = subprocess.run(
        [sys.executable, "-m", "modelrollout.cli.main", "--namespace", scenario.namespace, *words],
        env={**os.environ, "KUBECONFIG": str(scenario.platform.kubeconfig), "PYTHONPATH": str(OPERATOR)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def waits_for(status: ModelRolloutStatus) -> str | None:
    """The reason that the operator gives for not going on."""
    found = find_condition(status.conditions, ConditionType.RECONCILING)
    return found.reason if found is not None else None
