"""Tells the story: applies one version after the other and watches each to its end."""

import json
import time
from dataclasses import dataclass

from e2e.cluster import shell
from e2e.demo import manifests, story
from e2e.demo.clients import Counts
from e2e.demo.feed import Feed
from e2e.demo.install import Ready
from e2e.demo.scene import Scene
from e2e.demo.settings import NAMESPACE, Settings
from e2e.demo.story import Chapter, Chronicle
from e2e.demo.view import View

_LOOK_S = 0.5
_AFTERWARDS = 3
"""Seconds of the clients' counts that are waited for after an end: answers may still have been under way."""
_GATEWAY_SERVICE = "gateway.envoyproxy.io/owning-gateway-name=gateway,gateway.envoyproxy.io/owning-gateway-namespace="


@dataclass(frozen=True)
class Told:
    """How it went: each chapter, what clients got in all, and in what it was not as told."""

    chronicles: tuple[Chronicle, ...]
    total: Counts
    differences: tuple[str, ...]


class Teller:
    """One telling, on a cluster that is ready."""

    def __init__(self, ready: Ready, settings: Settings, view: View) -> None:
        self._ready = ready
        self._settings = settings
        self._view = view
        self._scene = Scene()

    def tell(self) -> Told:
        """All chapters, or those up to the first that ends in another way than told."""
        chronicles: list[Chronicle] = []
        differences: list[str] = []
        with Feed(self._ready.kubectl) as feed:
            for chapter in story.CHAPTERS:
                chronicle = self._scene.begin(chapter)
                chronicles.append(chronicle)
                self._view.begin(f"== {chapter.version}: {chapter.told}")
                self._apply(chapter)
                if chapter is story.CHAPTERS[0]:
                    feed.follow_rollout()
                differences = self._watch(chronicle, feed)
                if differences:
                    break
                if chapter is story.CHAPTERS[0]:
                    self._send_requests(feed)
        return Told(tuple(chronicles), self._scene.total, tuple(differences))

    def _apply(self, chapter: Chapter) -> None:
        manifest = manifests.rollout(chapter.version, self._ready.digits_image)
        self._kubectl("apply", "--filename", "-", stdin=manifest)

    def _watch(self, chronicle: Chronicle, feed: Feed) -> list[str]:
        began = time.monotonic()
        while not chronicle.settled:
            if time.monotonic() - began > chronicle.chapter.seconds:
                return [f"{chronicle.chapter.version}: it came to no end within {chronicle.chapter.seconds} s"]
            self._look(feed)
        self._hear_clients(feed)
        self._view.finish(self._scene)
        self._view.say(f"   {chronicle.chapter.version} in {time.monotonic() - began:.0f} s: {chronicle.why}")
        return story.differences(chronicle, self._scene.total)

    def _look(self, feed: Feed) -> None:
        news = feed.next(_LOOK_S)
        if news is not None:
            self._scene.take(news)
        self._view.show(self._scene)

    def _hear_clients(self, feed: Feed) -> None:
        """Wait until the clients have counted a little longer, where there are clients."""
        if not self._scene.seconds_told:
            return
        enough = self._scene.seconds_told + _AFTERWARDS
        deadline = time.monotonic() + 10 * _AFTERWARDS
        while self._scene.seconds_told < enough:
            if time.monotonic() > deadline:
                raise shell.WaitError("the load client no longer counts: see `kubectl --namespace demo logs load`")
            self._look(feed)

    def _send_requests(self, feed: Feed) -> None:
        image = self._ready.digits_image
        self._kubectl("apply", "--filename", "-", stdin=manifests.load(self._gateway_url(), image, self._settings))
        self._kubectl("wait", "pod/load", "--for=condition=Ready", "--timeout=60s")
        feed.follow_clients()
        shell.wait_until(lambda: self._heard(feed), "the first answers that clients count", seconds=30)

    def _heard(self, feed: Feed) -> bool:
        self._look(feed)
        return bool(self._scene.total.versions)

    def _gateway_url(self) -> str:
        """Envoy Gateway's Service for our Gateway; with any other implementation the address that it publishes."""
        selector = _GATEWAY_SERVICE + NAMESPACE
        found = json.loads(self._kubectl("get", "service", "--all-namespaces", "--selector", selector, "--output=json"))
        for service in found["items"]:
            return f"http://{service['metadata']['name']}.{service['metadata']['namespace']}:80"
        address = self._kubectl("get", "gateway", "gateway", "--output=jsonpath={.status.addresses[0].value}")
        if not address:
            raise shell.WaitError(
                "Gateway demo/gateway has no address: see `kubectl --namespace demo describe gateway`"
            )
        return f"http://{address}:80"

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._ready.kubectl("--namespace", NAMESPACE, *arguments, stdin=stdin)
