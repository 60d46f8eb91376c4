from __future__ import annotations

import pytest

from modelrollout.workload.dry_run import translate

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("message", "translated"),
    [
        (
            "spec.template.spec.containers[0].image: Required value",
            "spec.workload.deployment.template.spec.containers[0].image: Required value",
        ),
        ('unknown field "spec.template.spec.x"', 'unknown field "spec.workload.deployment.template.spec.x"'),
        ("spec.ports[0].appProtocol: Invalid value", "spec.service.appProtocol: Invalid value"),
        ("spec.progressDeadlineSeconds: Invalid value", "spec.workload.deployment.progressDeadline: Invalid value"),
        ("metadata.name: Invalid value", "metadata.name: Invalid value"),
    ],
)
def test_a_message_names_the_users_field(message: str, translated: str) -> None:
    assert translate(message) == translated
