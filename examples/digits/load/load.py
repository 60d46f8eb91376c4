"""Send real digits to a gateway at a steady rate and count, for each version, what came back.

    python -m load.load http://gateway:80 --host digits.example.com --rate 40 --duration 300

Prints one line of JSON a second, `{"second": 7, "now": {...}, "total": {...}}`, and at the end `{"summary": {...}}`.
The newest totals are also in a file (`--file`), for `kubectl exec`. Requests leave at their time whether or not earlier
ones were answered, as those of independent users do; `--in-flight` bounds how many wait at once.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from .accounting import GATEWAY, Answer, Failure, NoAnswer, Report, Tally
from .lens import AS_DRAWN, Lens

PATH = "/v2/models/digits/infer"


@dataclass(frozen=True)
class Digit:
    """One request body and the label that a right answer gives. The body tells it too, so that the server can count."""

    body: bytes
    label: int


@dataclass(frozen=True)
class Plan:
    """What to send: `rate` per second, for `duration` seconds or `total` requests, whichever ends first.

    `timeout` (seconds) is for each request; more than `in_flight` unanswered ones are never open at once.
    """

    url: str
    host: str | None
    rate: float
    duration: float
    total: int
    timeout: float
    in_flight: int


def read_digits(file: Path, lens: Lens = AS_DRAWN) -> list[Digit]:
    """Return the held-out images that `server.train` wrote, as a camera takes them, as V2 requests."""
    return [_digit(lens.taken(example["pixels"]), example["label"]) for example in json.loads(file.read_text())]


def _digit(pixels: list[float], label: int) -> Digit:
    image = {"name": "x", "shape": [1, 64], "datatype": "FP32", "data": pixels}
    return Digit(json.dumps({"parameters": {"label": label}, "inputs": [image]}).encode(), label)


class Load:
    """One run of a plan. `now` are the counts since `next_second`, `total` those since the start."""

    def __init__(self, plan: Plan, digits: list[Digit], bad: list[str]) -> None:
        self._plan = plan
        self._digits: Iterator[Digit] = itertools.cycle(digits)
        self._bad = bad
        self._open = 0
        self._stop = asyncio.Event()
        self.now, self.total = Tally(bad), Tally(bad)

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def next_second(self) -> Report:
        """Return the counts of the second that ends here, and begin the next."""
        report, self.now = self.now.report(), Tally(self._bad)
        return report

    async def run(self) -> None:
        """Send the whole plan and wait for the last answers."""
        headers = {"Content-Type": "application/json"} | ({"Host": self._plan.host} if self._plan.host else {})
        connector = aiohttp.TCPConnector(limit=self._plan.in_flight)
        timeout = aiohttp.ClientTimeout(total=self._plan.timeout)
        async with (
            aiohttp.ClientSession(headers=headers, connector=connector, timeout=timeout) as session,
            asyncio.TaskGroup() as requests,
        ):
            began = time.monotonic()
            for number in range(self._plan.total):
                due = number / self._plan.rate
                if due >= self._plan.duration or await self._stopped_before(began + due):
                    break
                self._send(session, requests)

    async def _stopped_before(self, moment: float) -> bool:
        wait = moment - time.monotonic()
        if wait > 0:
            try:
                await asyncio.wait_for(self._stop.wait(), wait)
            except TimeoutError:
                return False
        return self._stop.is_set()

    def _send(self, session: aiohttp.ClientSession, requests: asyncio.TaskGroup) -> None:
        digit = next(self._digits)
        if self._open >= self._plan.in_flight:
            self.now.skipped()
            self.total.skipped()
            return
        self.now.sent()
        self.total.sent()
        self._open += 1
        requests.create_task(self._one(session, digit))

    async def _one(self, session: aiohttp.ClientSession, digit: Digit) -> None:
        result = await self._ask(session, digit)
        self._open -= 1
        self.now.finished(result)
        self.total.finished(result)

    async def _ask(self, session: aiohttp.ClientSession, digit: Digit) -> Answer | NoAnswer:
        began = time.monotonic()
        try:
            async with session.post(self._plan.url + PATH, data=digit.body) as response:
                content = await response.read()
                return Answer(
                    version=response.headers.get("x-model-version", GATEWAY),
                    code=response.status,
                    correct=response.status == 200 and _label(content) == digit.label,
                    seconds=time.monotonic() - began,
                )
        except (TimeoutError, aiohttp.ClientError) as error:
            return NoAnswer(_failure(error))


def _label(content: bytes) -> int | None:
    """Return the predicted digit, or None where the answer is no V2 answer: then it is wrong, whatever its code."""
    try:
        return int(json.loads(content)["outputs"][0]["data"][0])
    except (ValueError, LookupError, TypeError):
        return None


def _failure(error: TimeoutError | aiohttp.ClientError) -> Failure:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "refused"
    return "reset"


async def run(load: Load, file: Path) -> None:
    """Run a load, reporting every second to standard output and into the file."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, load.stop)
    running = asyncio.create_task(load.run())
    began = time.monotonic()
    for second in itertools.count(1):
        done, _ = await asyncio.wait({running}, timeout=max(0.0, began + second - time.monotonic()))
        total = load.total.report()
        _replace(file, total)
        print(json.dumps({"second": second, "now": load.next_second(), "total": total}), flush=True)
        if done:
            break
    await running
    print(json.dumps({"summary": load.total.report()}), flush=True)


def _replace(file: Path, report: Report) -> None:
    """Write the file in one step, so that no reader meets half of it."""
    new = file.with_suffix(".new")
    new.write_text(json.dumps(report))
    new.replace(file)


def _between(lowest: float, highest: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"give {lowest} to {highest}; it is {text}")
        return value

    return number


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the gateway, such as http://10.0.0.1:80")
    parser.add_argument("--host", help="the Host header; default: that of the URL")
    parser.add_argument("--rate", type=_between(0.1, 1000), default=40.0, help="requests per second")
    parser.add_argument("--duration", type=_between(0.1, 86400), default=60.0, help="seconds")
    parser.add_argument("--total", type=int, default=1_000_000, help="requests")
    parser.add_argument("--timeout", type=_between(0.001, 600), default=2.0, help="seconds for each request")
    parser.add_argument("--in-flight", type=int, default=256, help="requests that may wait for their answer at once")
    parser.add_argument("--bad", default="v3,v4,v5,v6,v7", help="versions that no user should meet")
    parser.add_argument("--digits", type=Path, default=Path("models/heldout.json"), help="images to send")
    parser.add_argument("--darken", type=_between(0, 16), default=0.0, help="ink added to each pixel: drifted input")
    parser.add_argument("--turns", type=int, default=0, help="quarter turns of each image: drifted input")
    parser.add_argument("--file", type=Path, default=Path("/tmp/load.json"), help="where the newest totals are")  # noqa: S108
    given = parser.parse_args()
    plan = Plan(
        given.url.rstrip("/"), given.host, given.rate, given.duration, given.total, given.timeout, given.in_flight
    )
    lens = Lens(given.darken, given.turns)
    asyncio.run(_main(plan, read_digits(given.digits, lens), given.bad.split(","), given.file))


async def _main(plan: Plan, digits: list[Digit], bad: list[str], file: Path) -> None:
    await run(Load(plan, digits, bad), file)


if __name__ == "__main__":
    main()
