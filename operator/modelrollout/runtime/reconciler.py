"""One look at one ModelRollout. May be called at any time, any number of times, after any crash."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import structlog

from modelrollout.api.errors import TerminalError
from modelrollout.api.resource import Key
from modelrollout.engine.decide import decide
from modelrollout.engine.plan import Action, Plan
from modelrollout.runtime.carry_out import CarryOut
from modelrollout.runtime.complain import Complainer
from modelrollout.runtime.observer import Observer
from modelrollout.runtime.record import QUIET, Recorder
from modelrollout.runtime.release import Releaser
from modelrollout.runtime.rollouts import Rollouts, Unreadable
from modelrollout.runtime.telemetry import Telemetry


class Reconciler:
    """Observe, decide, carry out, wake up."""

    def __init__(
        self,
        *,
        rollouts: Rollouts,
        observer: Observer,
        carry_out: CarryOut,
        recorder: Recorder,
        complainer: Complainer,
        releaser: Releaser,
        telemetry: Telemetry,
        now: Callable[[], datetime],
        look_after: Callable[[Key, float], None],
        forget: Callable[[Key, str], None],
    ) -> None:
        """Put together.

        Args:
            look_after: enqueues a key after some seconds, whatever becomes of the reconcile under way.
            forget: drops what others remember of a ModelRollout that is gone.
        """
        self._rollouts = rollouts
        self._observer = observer
        self._carry_out = carry_out
        self._recorder = recorder
        self._complainer = complainer
        self._releaser = releaser
        self._telemetry = telemetry
        self._now = now
        self._look_after = look_after
        self._forget = forget

    async def reconcile(self, key: Key) -> float | None:
        """Look, and say after how many seconds to look again; None to wait for an event.

        Raises:
            TransientError: something did not answer; try again with backoff.
        """
        structlog.contextvars.bind_contextvars(rollout=str(key))
        start = time.perf_counter()
        outcome = "error"
        try:
            again = await self._reconcile(key)
            outcome = "ok"
            return again
        finally:
            self._telemetry.reconciles.labels(outcome).inc()
            self._telemetry.duration.observe(time.perf_counter() - start)

    async def _reconcile(self, key: Key) -> float | None:
        rollout = self._rollouts.get(key)
        if rollout is None:
            return None
        if rollout.deleting:
            return await self._releaser.release(rollout)
        if isinstance(rollout, Unreadable):
            return await self._complainer.complain(key, TerminalError("InvalidSpec", "; ".join(rollout.problems)))
        try:
            seen = await self._observer.observe(rollout, self._now())
            plan = decide(seen)
            # Whatever cannot be written: a candidate that has traffic is judged on time.
            planned = self._planned(key, plan)
            if planned is not None:
                self._look_after(key, planned)
            await self._carry_out.carry_out(seen, plan)
        except TerminalError as error:
            return await self._complainer.complain(key, error)
        return self._wake(key, plan)

    def _planned(self, key: Key, plan: Plan) -> float | None:
        """Seconds until the plan, or somebody who objects to the spec, wants another look."""
        times = [at for at in (plan.wake_at, self._observer.ask_again_at(key)) if at is not None]
        return max(0.0, (min(times) - self._now()).total_seconds()) if times else None

    def _wake(self, key: Key, plan: Plan) -> float | None:
        if self._complainer.withdraw(key) or plan.action is not Action.WAIT:
            return 0.0
        planned, lag = self._planned(key, plan), self._recorder.lag(key, plan.status)
        if planned is None or lag is None:
            return lag if planned is None else planned
        # Numbers that were held back go with the next look, unless that is far away.
        return min(planned, lag + QUIET.total_seconds())

    def gone(self, key: Key) -> None:
        """Drop what is remembered of a ModelRollout that was deleted."""
        known = self._rollouts.remove(key)
        self._recorder.forget(key)
        self._complainer.withdraw(key)
        if known is not None:
            self._forget(key, known.uid)
