"""What people have written into annotations, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelrollout.api.controls import CONTROLS, VALUE_MAX, Control, ControlOutcome
from modelrollout.api.resource import Key
from modelrollout.api.status import ModelRolloutStatus
from modelrollout.engine.texts import cut


@dataclass(frozen=True, slots=True)
class Click:
    """One control, for one revision.

    Attributes:
        value: the annotation's: a revision hash, then perhaps a dot and anything that tells two clicks apart.
    """

    control: Control
    value: str

    @property
    def revision(self) -> str:
        """Hash of the revision that it is meant for."""
        return self.value.partition(".")[0]


def clicks_of(annotations: Mapping[str, str]) -> tuple[Click, ...]:
    """All controls that are there, whether answered or not."""
    return tuple(_click(annotations[name], control) for name, control in CONTROLS.items() if name in annotations)


def click_of(annotations: Mapping[str, str], control: Control) -> Click | None:
    """One control, if it is there."""
    value = annotations.get(control.annotation) if annotations else None
    return None if value is None else _click(value, control)


def _click(value: str, control: Control) -> Click:
    return Click(control, cut(value.strip(), VALUE_MAX))


def outcome_of(status: ModelRolloutStatus, click: Click) -> ControlOutcome | None:
    """What became of a click; None while it has no answer."""
    for entry in status.controls:
        if (entry.control, entry.value) == (click.control, click.value):
            return entry.outcome
    return None


def command(key: Key, click: Click) -> str:
    """What a person types for it."""
    return f"kubectl -n {key.namespace} annotate mr {key.name} --overwrite {click.control.annotation}={click.value}"


def removal(key: Key, control: Control) -> str:
    """What a person types to take it back."""
    return f"kubectl -n {key.namespace} annotate mr {key.name} {control.annotation}-"
