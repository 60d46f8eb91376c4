"""The API server's own opinion of an object before it is made."""

from __future__ import annotations

import re
from typing import Final

import structlog

from modelrollout.kube.client import FieldValidation, KubeClient
from modelrollout.kube.errors import ConflictError, RefusedError
from modelrollout.kube.resources import Object, Resource

_STRICT: Final = re.compile(r'(?:unknown|duplicate) field "[^"]+"')
_OURS: Final = (
    (re.compile(r"\bspec\.template\b"), "spec.workload.deployment.template"),
    (re.compile(r"\bspec\.ports\[0\]\."), "spec.service."),
    (re.compile(r"\bspec\.progressDeadlineSeconds\b"), "spec.workload.deployment.progressDeadline"),
    (re.compile(r"\bspec\.(metrics|behavior|minReplicas|maxReplicas)\b"), r"spec.workload.deployment.autoscaling.\1"),
)


class DryRun:
    """Creates objects with `dryRun=All`: nothing is stored."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def problems(self, resource: Resource, body: Object) -> tuple[str, ...]:
        """All that the API server has against an object, each line with the field as the ModelRollout has it.

        A create, not an apply: it names all unknown fields at once. It does not look at values while there are unknown
        fields, so it is asked again without minding those.

        Raises:
            TransientError, ForbiddenError: as KubeClient does.
        """
        causes = await self._ask(resource, body, FieldValidation.STRICT)
        unknown = [field for cause in causes for field in _STRICT.findall(cause)]
        if unknown:
            causes = (*unknown, *await self._ask(resource, body, FieldValidation.IGNORE))
        return tuple(translate(cause) for cause in causes)

    async def _ask(self, resource: Resource, body: Object, validation: FieldValidation) -> tuple[str, ...]:
        try:
            await self._client.create(resource, body, dry_run=True, validation=validation)
        except RefusedError as error:
            return error.causes
        except ConflictError as error:
            # So it was accepted.
            structlog.get_logger(__name__).info("made in the meantime", error=error.message)
            return ()
        return ()


def translate(message: str) -> str:
    """A message about one of our objects in terms of the ModelRollout's fields."""
    for pattern, field in _OURS:
        message = pattern.sub(field, message)
    return message
