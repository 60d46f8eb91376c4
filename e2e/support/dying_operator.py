"""An operator that is killed between two writes: after a route without the candidate, before the status that says so.

A real process and a real SIGKILL. Only the moment is chosen: the client notices what it has just written.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal

from modelrollout.api.names import ANNOTATION_DECISION
from modelrollout.engine.plan import LOWERING
from modelrollout.kube.client import Applied, KubeClient
from modelrollout.kube.resources import HTTP_ROUTE, Object, Resource
from modelrollout.runtime import app
from modelrollout.runtime.logs import configure
from modelrollout.runtime.settings import read_settings


class DyingClient(KubeClient):
    """Ends its process when the first route that lowers a weight has been written."""

    async def apply(self, resource: Resource, obj: Object, *, force: bool, dry_run: bool = False) -> Applied:
        """As in KubeClient, but for the last time."""
        applied = await super().apply(resource, obj, force=force, dry_run=dry_run)
        decision = obj["metadata"].get("annotations", {}).get(ANNOTATION_DECISION)
        if resource == HTTP_ROUTE and not dry_run and decision and json.loads(decision)["action"] in LOWERING:
            os.kill(os.getpid(), signal.SIGKILL)
        return applied


def main() -> None:
    """Run an operator with that client."""
    settings = read_settings()
    configure(settings.log_format, settings.log_level)
    app.KubeClient = DyingClient  # type: ignore[attr-defined]
    asyncio.run(app.run(settings))


if __name__ == "__main__":
    main()
