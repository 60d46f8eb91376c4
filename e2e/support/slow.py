"""Users whose requests take seconds: their bodies arrive in pieces, as long prompts and large images do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import requests

from e2e.support.traffic import GATEWAY, NOBODY, Answers, Met
from e2e.support.waiting import until
from examples.digits.load.load import PATH

PIECES = 10
TIMEOUT = 60.0


class SlowUsers:
    """They send one request each, on a connection of its own."""

    def __init__(self, url: str, host: str, seconds: float) -> None:
        """Say how long each takes: so many seconds pass between its first byte and its last."""
        self._url = url + PATH
        self._headers = {"Host": host, "Content-Type": "application/json"}
        self._pause = seconds / PIECES
        image = {"name": "x", "shape": [1, 64], "datatype": "FP32", "data": [0.0] * 64}
        self._body = json.dumps({"inputs": [image]}).encode()
        self._threads: list[threading.Thread] = []
        self._begun = 0
        self._met: list[Met] = []

    def start(self, count: int) -> None:
        """Send so many, and wait until each is on its way through the gateway."""
        threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(count)]
        self._threads += threads
        for thread in threads:
            thread.start()
        until(lambda: self._begun == len(self._threads), f"{count} slow requests to be under way")

    @property
    def waiting(self) -> int:
        """How many have no answer yet."""
        return self._begun - len(self._met)

    def finished(self) -> Answers:
        """Wait for all that were sent since the last time, and say what each met."""
        for thread in self._threads:
            thread.join()
        met, self._met, self._threads, self._begun = self._met, [], [], 0
        return Answers(met)

    def _ask(self) -> None:
        try:
            answer = requests.post(self._url, data=self._pieces(), headers=self._headers, timeout=TIMEOUT)
        except requests.RequestException as error:
            self._met.append(Met(time.monotonic(), NOBODY, type(error).__name__))
        else:
            version = answer.headers.get("x-model-version", GATEWAY)
            self._met.append(Met(time.monotonic(), version, str(answer.status_code)))

    def _pieces(self) -> Iterator[bytes]:
        size = -(-len(self._body) // PIECES)
        for number in range(PIECES):
            yield self._body[number * size : (number + 1) * size]
            # The first piece has left by now, and the gateway has chosen who gets it.
            time.sleep(self._pause)
            if number == 0:
                self._begun += 1
