"""The entry point: `modelrollout`."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from modelrollout.api.errors import ModelRolloutError
from modelrollout.runtime.app import run
from modelrollout.runtime.logs import configure, logger
from modelrollout.runtime.settings import read_settings

SWITCH_SECONDS: Final = 0.0005
"""How soon a thread that has an answer of Prometheus may interrupt the event loop.

With the usual 5 ms, and a dozen turns for each answer, a loop that is half busy makes it wait a tenth of a second.
"""


def main() -> None:
    """Run the operator; exit status 1 when it cannot, so that it is restarted."""
    try:
        settings = read_settings()
    except ModelRolloutError as error:
        sys.exit(str(error))
    configure(settings.log_format, settings.log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        asyncio.run(run(settings))
    except asyncio.CancelledError:
        logger().info("told to end before it was ready")
    except ModelRolloutError as error:
        logger().error("cannot run", reason=error.reason, message=error.message)
        sys.exit(1)


if __name__ == "__main__":
    main()
