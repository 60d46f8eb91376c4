"""Which Service is which revision, and where a revision is: the operator's own, or one of the user's."""

from __future__ import annotations

from collections.abc import Mapping

from modelrollout.api.resource import ModelRollout
from modelrollout.engine.revisions import object_name, revision_of
from modelrollout.engine.services import first_of
from modelrollout.kube.caches import Cache
from modelrollout.kube.errors import ConflictError
from modelrollout.traffic.render import Address


def address_of(rollout: ModelRollout, revision: str, cache: Cache) -> Address:
    """Where requests for a revision, given by its hash, are sent.

    Raises:
        ConflictError: somebody else deploys it, and its record is gone: nothing tells which Service it is behind.
    """
    name, port = object_name(rollout.key.name, revision), rollout.spec.service.port
    stored = cache.revision(rollout.key.namespace, name)
    if stored is not None:
        return Address(stored.service or name, stored.port)
    known = rollout.status.service_of(revision)
    if known is not None:
        return Address(known.service, port)
    if rollout.spec.workload.services is None:
        return Address(name, port)
    asked = (revision_of(rollout.raw_spec), first_of(rollout.spec, rollout.raw_spec, rollout.status))
    service = next((one.service for one in asked if one is not None and one.hash == revision), None)
    if service is None:
        raise ConflictError("Conflict", f"ControllerRevision {name}, which tells the Service, is missing")
    return Address(service, port)


def revisions_by_service(rollout: ModelRollout, cache: Cache) -> Mapping[str, str]:
    """Hash of the revision that a Service of the user's is taken for.

    One Service is another revision from rollout to rollout: it is the one that has a role now, else the last that had.
    """
    views = [view for view in cache.revisions(rollout.key) if view.service is not None]
    known = {view.revision.hash: view.service for view in views if view.service is not None}
    known |= {entry.revision: entry.service for entry in rollout.status.services}
    found = {view.service: view.revision.hash for view in views if view.service is not None}
    status = rollout.status
    for ref in (status.previous, status.stable, status.attempt):
        if ref is not None and ref.revision in known:
            found[known[ref.revision]] = ref.revision
    return found
