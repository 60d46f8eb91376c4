"""One scenario: a ModelRollout in a namespace of its own, its users, and what became of both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import requests
import yaml

from e2e.cluster import cache, shell
from e2e.support.journal import Condition, Journal, Moment
from e2e.support.kube import EVENT, HTTP_ROUTE, MODEL_ROLLOUT, POD, Kube, Object
from e2e.support.manifests import NAME, digits, host
from e2e.support.platform import OPERATOR_NAMESPACE, OPERATOR_PODS, Platform
from e2e.support.traffic import GATEWAY, Traffic
from e2e.support.waiting import PATIENCE, until
from examples.digits.load.lens import AS_DRAWN, Lens
from examples.digits.load.load import PATH, Digit, read_digits
from modelrollout.api.names import LABEL_NAME
from modelrollout.api.status import ModelRolloutStatus, Phase

UNAVAILABLE = 503


class Scenario:
    """What a person does with one ModelRollout, and what that person sees."""

    def __init__(self, platform: Platform, namespace: str) -> None:
        self.platform = platform
        self.namespace = namespace
        self.kube = Kube(Path(platform.kubeconfig))
        self.journal = Journal(self.kube, namespace, NAME)
        self._traffic: Traffic | None = None
        self._cursor = 0

    # --- given

    def serving(self, version: str, changes: Mapping[str, object] | None = None, lens: Lens = AS_DRAWN) -> Traffic:
        """Given a version that serves, and users who ask it."""
        self.apply(version, changes)
        self.until_stable(version)
        return self.users(version, lens)

    def users(self, version: str, lens: Lens = AS_DRAWN) -> Traffic:
        """Begin to send real requests, once the gateway passes them on."""
        until(lambda: self._answered_by() == version, f"{version} to answer through the gateway")
        self._traffic = Traffic(self.platform.gateway, host(self.namespace), self.images(lens))
        self._traffic.start()
        self._traffic.until_only(version)
        return self._traffic

    @property
    def traffic(self) -> Traffic:
        """The users."""
        assert self._traffic is not None, "nobody sends requests yet"
        return self._traffic

    @property
    def has_users(self) -> bool:
        """Whether anybody sends requests."""
        return self._traffic is not None

    # --- when

    def apply(self, version: str, changes: Mapping[str, object] | None = None) -> None:
        """Apply a ModelRollout of a version, by kubectl. Raises shell.CommandError with what kubectl says."""
        self._cursor = max(0, len(self.journal.moments) - 1)
        self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump(digits(self.namespace, version, changes)))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the scenario's namespace."""
        return self.platform.run_kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    # --- then

    def until(self, condition: Condition, what: str, seconds: float = PATIENCE) -> Moment:
        """Wait for a status; of those that were written after the one that the last wait found."""
        self._cursor = self.journal.until(condition, what, since=self._cursor, seconds=seconds)
        return self.journal.moments[self._cursor]

    def until_stable(self, version: str) -> Moment:
        """Wait until a version serves by default, and nothing is on its way."""
        return self.until(lambda s: serves(s, version) and s.attempt is None, f"{version} to be stable")

    def until_step(self, stage: str, weight: int | None = None) -> Moment:
        """Wait until a step is in force."""

        def in_force(status: ModelRolloutStatus) -> bool:
            attempt = status.attempt
            if attempt is None or attempt.step is None or attempt.unready_since is not None:
                return False
            step = attempt.step
            return step.stage == stage and weight in {None, step.weight} and step.in_force_at is not None

        return self.until(in_force, f"stage {stage} to be in force")

    def until_rolled_back(self, version: str, reason: str) -> ModelRolloutStatus:
        """Wait until a version was rolled back, for one reason."""

        def rolled_back(status: ModelRolloutStatus) -> bool:
            return status.phase is Phase.ROLLED_BACK and status.failed is not None and status.failed.version == version

        status = self.until(rolled_back, f"{version} to be rolled back").status
        assert status.failed is not None
        assert status.failed.reason == reason, status.failed
        return status

    def condition(self, kind: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition, as it is now."""
        for one in self.rollout.get("status", {}).get("conditions", []):
            if one["type"] == kind:
                return one["status"], one["reason"], one["message"]
        return "", "", ""

    @property
    def rollout(self) -> Object:
        """The ModelRollout as it is now."""
        return self.kube.get(MODEL_ROLLOUT, NAME, self.namespace) or {}

    @property
    def route(self) -> Object:
        """The HTTPRoute as it is now."""
        return self.kube.get(HTTP_ROUTE, NAME, self.namespace) or {}

    def events(self, reason: str) -> list[str]:
        """The notes of all events with a reason."""
        return [one.get("note", "") for one in self.kube.list(EVENT, self.namespace) if one["reason"] == reason]

    def until_event(self, reason: str, *words: str) -> str:
        """Wait for an event whose note has all words, and return the note."""

        def note() -> str | None:
            return next((one for one in self.events(reason) if all(word in one for word in words)), None)

        return until(note, f"an event {reason} that says {', '.join(words) or 'anything'}", seconds=90)

    def pods(self, version: str) -> list[str]:
        """The names of a version's pods."""
        return [pod["metadata"]["name"] for pod in self.kube.list(POD, self.namespace) if _version_of(pod) == version]

    # --- after

    def close(self) -> None:
        """Send users home and remove the ModelRollout, which takes along all that it made."""
        if self._traffic is not None:
            self._traffic.stop()
        self.kube.delete(MODEL_ROLLOUT, NAME, self.namespace)
        until(lambda: not self.kube.list(POD, self.namespace, LABEL_NAME), f"the pods of {self.namespace} to go")
        self.journal.stop()

    def describe(self) -> str:
        """What helps to see why it went wrong."""
        parts = [
            self._say("get", "modelrollout", NAME, "--output=wide"),
            self._say("describe", "modelrollout", NAME),
            self._say("get", "pods", "--output=wide"),
            f"what clients got: {self._traffic.all if self._traffic else 'no requests'}",
            f"splits: {[(round(one.at, 1), one.weights, one.mirrors) for one in self.journal.splits]}",
        ]
        return "\n".join(parts)

    def operator_log(self) -> str:
        """The end of the log of the operator that helm has installed, as far as it is about this scenario."""
        try:
            log = self.platform.run_kubectl("--namespace", OPERATOR_NAMESPACE, "logs", *OPERATOR_PODS, "--tail=2000")
        except shell.CommandError as error:
            return str(error)
        return "\n".join([line for line in log.splitlines() if self.namespace in line][-40:])

    def _say(self, *arguments: str) -> str:
        try:
            return self.kubectl(*arguments)
        except shell.CommandError as error:
            return str(error)

    def _answered_by(self) -> str | None:
        body = {"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32", "data": [0.0] * 64}]}
        try:
            answer = requests.post(
                self.platform.gateway + PATH, json=body, headers={"Host": host(self.namespace)}, timeout=2
            )
        except requests.RequestException:
            return None
        if answer.ok:
            return answer.headers.get("x-model-version")
        return GATEWAY if answer.status_code == UNAVAILABLE else None

    def images(self, lens: Lens = AS_DRAWN) -> list[Digit]:
        """Held-out images, from the model's image: whichever scenario has the first pod copies them out."""
        file = Path(self.platform.home) / "heldout.json"
        with cache.locked(file.with_suffix(".lock")):
            if not file.exists():
                pod = self.kube.list(POD, self.namespace)[0]["metadata"]["name"]
                images = self.kubectl("exec", pod, "--", "cat", "models/heldout.json")
                assert json.loads(images), "the image holds no images of digits"
                file.write_text(images, encoding="utf-8")
        return read_digits(file, lens)


def serves(status: ModelRolloutStatus, version: str) -> bool:
    """Whether a version is stable."""
    return status.stable is not None and status.stable.version == version


def _version_of(pod: Object) -> str | None:
    for entry in pod["spec"]["containers"][0].get("env", []):
        if entry["name"] == "MODEL_VERSION":
            return str(entry["value"])
    return None
