"""ModelRollouts as kubectl shows them, for the tests beside this."""

from __future__ import annotations

from e2e.demo.observation import Observation

REVISIONS = {"v1": "raaa", "v2": "rbbb", "v3": "rccc", "v5": "reee"}


def decision(version: str, action: str, stage: str | None = None, weight: int = 0, message: str = "why") -> object:
    return {
        "at": "2026-11-21T10:05:03.684284Z",
        "action": action,
        "revision": REVISIONS[version],
        "stage": stage,
        "weight": weight,
        "reason": "Reason",
        "message": message,
    }


def revision(version: str) -> dict[str, str]:
    return {"revision": REVISIONS[version], "version": version}


def seen(version: str, *log: object, **status: object) -> Observation:
    """An object that asks for that version, at generation 2."""
    full = {"observedGeneration": 2, "phase": "Progressing", "weight": 0, "log": log} | status
    raw = {"metadata": {"generation": 2}, "spec": {"model": {"name": "digits", "version": version}}, "status": full}
    return Observation.model_validate(raw)


def rolled_back(version: str, message: str, *log: object) -> Observation:
    failed = revision(version) | {"stage": "canary", "message": message, "reason": "Harm"}
    return seen(version, *log, phase="RolledBack", stable=revision("v2"), failed=failed)


def promoted(version: str, *log: object) -> Observation:
    return seen(version, *log, phase="Succeeded", stable=revision(version), weight=100)
