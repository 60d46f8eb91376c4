"""Prometheus by `prometheus_api_client`, made safe for an event loop: bounded in time, memory and connections.

Of the library, `PrometheusConnect` holds address, session, TLS and credentials. Its own queries are not used: they
drop the result's type and the warnings, keep errors as text, hang for ever by default and retry within the call.
"""

from __future__ import annotations

import asyncio
import base64
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

import requests
from prometheus_api_client import PrometheusConnect
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from modelrollout.analysis.outcome import Outcome, Rejected, Unavailable, Value
from modelrollout.metrics.answer import Answer, instant_outcome, parse_answer, raw_outcome
from modelrollout.metrics.beside import beside
from modelrollout.metrics.provider import ProviderUnavailableError, RawOutcome, RawSeries

MAX_POINTS: Final = 11_000
"""Prometheus's own bound on the points of one series in one answer of a range."""
MAX_SERIES: Final = 10_000
"""How many series one read may give: ten thousand take about a second of a core."""
_CHUNK_BYTES: Final = 65_536
_GRACE_SECONDS: Final = 1.0
"""The event loop waits this much longer than the HTTP call may take, then gives the thread up."""

RequestHook = Callable[[str, float], None]
"""Called after each request with its outcome (`ok`, `rejected`, `unavailable`) and how long it took, in seconds."""


@dataclass(frozen=True)
class PrometheusSettings:
    """How to reach one Prometheus, and how much it may cost.

    Attributes:
        url: base address, with a path prefix where there is one.
        headers: sent with each request; `bearer` and `basic` make those of credentials.
        timeout: seconds for one request, connecting included.
        concurrency: requests at the same time.
        shortest_scrape: seconds between the closest samples to expect; bounds how much one answer is asked for.
        max_series: a selector that matches more is refused, with a message.
        max_bytes: an answer that is larger is refused.
        ca_file: certificates to trust instead of the system's.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 5.0
    concurrency: int = 8
    shortest_scrape: float = 1.0
    max_series: int = MAX_SERIES
    max_bytes: int = 64 * 1024 * 1024
    ca_file: str | None = None


def bearer(token: str) -> dict[str, str]:
    """The header of a bearer token."""
    return {"Authorization": f"Bearer {token.strip()}"}


def basic(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class PrometheusProvider:
    """The `MetricProvider` of one Prometheus, for use from one event loop. Close it when done."""

    def __init__(self, settings: PrometheusSettings, on_request: RequestHook | None = None) -> None:
        self._settings = settings
        self._on_request = on_request
        self._connect = PrometheusConnect(
            settings.url.rstrip("/"),
            headers=dict(settings.headers),
            timeout=settings.timeout,
            method="POST",
            retry=Retry(0),
        )
        self._session: requests.Session = self._connect._session
        # The library mounts an adapter with ten connections, however many threads there are.
        self._session.mount(self._connect.url, HTTPAdapter(pool_maxsize=settings.concurrency, max_retries=Retry(0)))
        if settings.ca_file is not None:
            self._session.verify = settings.ca_file
        # Proxies and certificates of the environment, looked up once. Not ~/.netrc: its credentials are nobody's here.
        self._environment = self._session.merge_environment_settings(
            self._connect.url, {}, stream=True, verify=None, cert=None
        )
        self._threads = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="prometheus")
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._closed = False
        self._in_flight: dict[tuple[str, ...], asyncio.Task[Answer | Rejected | Unavailable]] = {}

    async def __aenter__(self) -> PrometheusProvider:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections and let threads end; requests still under way end by their own timeout.

        What is asked afterwards is `Unavailable`.
        """
        self._closed = True
        self._threads.shutdown(wait=False)
        self._connect.close()

    def replace_headers(self, headers: Mapping[str, str]) -> None:
        """Use other credentials from the next request on: tokens rotate."""
        self._connect.headers = dict(headers)

    async def instant(self, query: str, at: float) -> Outcome:
        """Evaluate at `at`. More than one series is `Ambiguous`: aggregate or select further."""
        answer = await self._ask("query", query=query, time=_time(at))
        return instant_outcome(answer) if isinstance(answer, Answer) else answer

    async def raw(self, selector: str, at: float, seconds: float) -> RawOutcome:
        """Raw samples within `(at - seconds, at]`, in as many requests as keep each below `MAX_POINTS` a series."""
        span = (MAX_POINTS - 1) * self._settings.shortest_scrape
        chunks = max(1, math.ceil(seconds / span))
        parts: list[tuple[RawSeries, ...]] = []
        for chunk in range(chunks):
            end = at - seconds + min((chunk + 1) * span, seconds)
            part = await self._raw_chunk(selector, end, end - (at - seconds + chunk * span))
            if not isinstance(part, tuple):
                return part
            parts.append(part)
        return parts[0] if chunks == 1 else _joined(parts)

    async def check(self, query: str) -> str | None:
        """Parse the query on the server: of its own version, with its own words."""
        answer = await self._ask("format_query", query=query)
        if isinstance(answer, Unavailable):
            # Not every server that speaks PromQL can format it. Long ago there is nothing to compute: asking is cheap.
            answer = await self._ask("query", query=query, time="0")
        match answer:
            case Rejected():
                return answer.message
            case Unavailable():
                raise ProviderUnavailableError(answer.message)
            case _:
                return None

    async def now(self) -> float | Unavailable:
        """Prometheus's clock, to the millisecond."""
        answer = await self._ask("query", query="time()")
        outcome = instant_outcome(answer) if isinstance(answer, Answer) else answer
        match outcome:
            case Value(value):
                return value
            case Unavailable():
                return outcome
            case Rejected(message):
                return Unavailable(f"time() was refused: {message}")
            case _:
                return Unavailable("time() gave no number: is prometheus.url a Prometheus?")

    async def _raw_chunk(self, selector: str, at: float, seconds: float) -> RawOutcome:
        limit = self._settings.max_series
        query = f"{selector}[{max(1, round(seconds * 1000))}ms]"
        answer = await self._ask("query", query=query, time=_time(at), limit=str(limit + 1))
        if not isinstance(answer, Answer):
            return answer
        # Prometheus before 2.55 knows no limit and sends all of them; a newer one cuts, and says so as a warning.
        count = len(answer.result) if isinstance(answer.result, list) else 0
        if count > limit:
            return Rejected(f"the selector matches more than {limit} series; add matchers to it")
        return await beside(count, partial(raw_outcome, answer))

    async def _ask(self, path: str, **form: str) -> Answer | Rejected | Unavailable:
        """One request; one already under way is shared, and a caller that goes away leaves it to the others."""
        if self._closed:
            return Unavailable("the connection to Prometheus is closed: the operator is stopping")
        key = (path, *(f"{name}={value}" for name, value in form.items()))
        task = self._in_flight.get(key)
        if task is None:
            task = asyncio.create_task(self._bounded(path, form))
            self._in_flight[key] = task
            task.add_done_callback(lambda _: self._in_flight.pop(key, None))
        return await asyncio.shield(task)

    async def _bounded(self, path: str, form: dict[str, str]) -> Answer | Rejected | Unavailable:
        started = time.monotonic()
        limit = self._settings.timeout + _GRACE_SECONDS
        answer: Answer | Rejected | Unavailable
        try:
            async with asyncio.timeout(limit), self._slots:
                answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._post, path, form)
        except TimeoutError:
            answer = Unavailable(f"no answer from {self._host} within {limit:g} s")
        if self._on_request is not None:
            self._on_request(type(answer).__name__.lower().replace("answer", "ok"), time.monotonic() - started)
        return answer

    def _post(self, path: str, form: dict[str, str]) -> Answer | Rejected | Unavailable:
        """In a thread. The query travels in the body: addresses have a length limit. No redirect gets credentials."""
        timeout = self._settings.timeout
        deadline = time.monotonic() + timeout
        # Not by the session's own `post`: it looks through the environment each time, a quarter of a request's cost.
        request = requests.Request(
            "POST",
            f"{self._connect.url}/api/v1/{path}",
            headers={"Accept-Encoding": "identity", **self._connect.headers},
            data={**form, "timeout": f"{timeout:g}s"},
        )
        try:
            sent = request.prepare()
            with self._session.send(sent, timeout=timeout, allow_redirects=False, **self._environment) as response:
                body = bytearray()
                # What has arrived, however little: waiting for a whole chunk could last for ever.
                while part := response.raw.read1(_CHUNK_BYTES, decode_content=True):
                    body += part
                    if len(body) > self._settings.max_bytes:
                        return Rejected(f"the answer is larger than {self._settings.max_bytes} bytes; select less")
                    if time.monotonic() > deadline:
                        return Unavailable(f"the answer of {self._host} took longer than {timeout:g} s")
                return parse_answer(response.status_code, bytes(body))
        except (requests.Timeout, ReadTimeoutError):
            return Unavailable(f"no answer from {self._host} within {timeout:g} s")
        except requests.exceptions.SSLError:
            return Unavailable(f"{self._host} is not trusted: check its certificate and the configured CA")
        except (requests.RequestException, HTTPError) as error:
            return Unavailable(f"cannot reach {self._host} ({type(error).__name__})")

    @property
    def _host(self) -> str:
        parts = urlsplit(self._settings.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _joined(parts: list[tuple[RawSeries, ...]]) -> tuple[RawSeries, ...]:
    """Chunks as one, oldest first; a Prometheus before 3 includes the left edge of a range and repeats its sample."""
    known: dict[tuple[tuple[str, str], ...], RawSeries] = {}
    for part in parts:
        for series in part:
            key = tuple(sorted(series.labels.items()))
            old = known.get(key)
            if old is None:
                known[key] = series
                continue
            new = series.within(old.samples[-1][0])
            known[key] = replace(old, samples=old.samples + new.samples, natives=old.natives + new.natives)
    return tuple(known.values())


def _time(at: float) -> str:
    return f"{at:.3f}"
