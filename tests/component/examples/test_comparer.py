"""The comparer over HTTP, as model servers and Prometheus meet it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator

import pytest

from examples.comparer.comparer import Comparer, server

pytestmark = pytest.mark.component


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    running = server(Comparer(), "127.0.0.1", 0)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield str(running.server_address[0]), int(running.server_address[1])
    running.shutdown()
    running.server_close()
    thread.join()


def ask(address: tuple[str, int], method: str, path: str, body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request(method, path, body)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_answers_in_counts_and_pairs_out(address: tuple[str, int]) -> None:
    batches = (("old", ["8", "5"]), ("new", ["3", "5"]))
    for revision, answers in batches:
        reports = [{"id": str(i), "revision": revision, "answer": each} for i, each in enumerate(answers)]
        assert ask(address, "POST", "/answers", json.dumps(reports))[0] == 202
    code, text = ask(address, "GET", "/metrics")
    assert code == 200
    assert 'answer_pairs_total{candidate="new",class="8",outcome="differ",reference="old"} 1' in text
    code, text = ask(address, "GET", "/pairs")
    assert [each["outcome"] for each in json.loads(text)] == ["differ", "differ", "agree", "agree"]


@pytest.mark.parametrize("body", ["", "{", "{}", '[{"id": "1"}]', " " * 300_000])
def test_what_cannot_be_read_is_refused(address: tuple[str, int], body: str) -> None:
    code, text = ask(address, "POST", "/answers", body)
    assert code == 400
    assert text
    assert ask(address, "GET", "/healthz") == (200, "ok\n")
