"""`/livez`, `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from modelrollout.runtime.telemetry import Telemetry

LAG_LIMIT_SECONDS = 10.0


class Health:
    """What the kubelet asks.

    Live: the event loop turned within the last ten seconds and the workers run. Ready: the caches have been filled and
    the watches stand, so that it leads, or can do so from one moment to the next.
    """

    def __init__(
        self, telemetry: Telemetry, clock: Callable[[], float], is_leading: Callable[[], bool] = lambda: True
    ) -> None:
        self._telemetry, self._clock, self._is_leading = telemetry, clock, is_leading
        self._beat = clock()
        self._ready = False
        self._failed: str | None = None

    def ready(self) -> None:
        """The caches are full, and what the watches list at first is in."""
        self._ready = True

    def fail(self, why: str) -> None:
        """A part that must run for ever has ended."""
        self._failed = why

    async def run_heartbeat(self) -> None:
        """Show that the event loop turns, for ever."""
        while True:
            self._beat = self._clock()
            await asyncio.sleep(1.0)

    async def serve(self, port: int) -> web.AppRunner:
        """Start serving on all addresses; the caller cleans the runner up."""
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, port=port).start()
        return runner

    async def _livez(self, _: web.Request) -> web.Response:
        lag = self._clock() - self._beat
        if self._failed is not None:
            return web.Response(status=500, text=self._failed)
        if lag > LAG_LIMIT_SECONDS:
            return web.Response(status=500, text=f"the event loop has not turned for {lag:.0f} s")
        return web.Response(text="ok")

    async def _readyz(self, _: web.Request) -> web.Response:
        if not self._ready:
            return web.Response(status=503, text="caches are being filled")
        return web.Response(text="ok" if self._is_leading() else "ok, standing by")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._telemetry.exposition(), content_type="text/plain", charset="utf-8")
