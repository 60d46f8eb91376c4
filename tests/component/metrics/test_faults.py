"""What stands at the address may be anything: the provider answers within its time and memory, and says what it met."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from modelrollout.analysis.outcome import Rejected, Unavailable, Value
from modelrollout.metrics.prometheus import PrometheusProvider, PrometheusSettings, basic, bearer
from modelrollout.metrics.provider import ProviderUnavailableError

pytestmark = pytest.mark.component

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ONE = {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def html(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>Please sign in</html>", content_type="text/html")


async def hanging(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def dripping(request: web.Request) -> web.StreamResponse:
    """One byte at a time: each arrives in time, and the answer never ends."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def dripping_with_length(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000000"})
    await response.prepare(request)
    while True:
        await response.write(b" ")
        await asyncio.sleep(0.05)


async def breaking_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"status": ')
    assert request.transport is not None
    request.transport.close()
    return response


async def silent_after_the_head(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await asyncio.Event().wait()
    raise AssertionError


async def to_another_host(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:1/api/v1/query")


async def closing(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def busy(_: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "error", "errorType": "timeout", "error": "query timed out"}, status=503)


@pytest.mark.parametrize(
    ("handler", "part"),
    [
        pytest.param(html, "is not Prometheus's", id="login-page"),
        pytest.param(hanging, "no answer from 127.0.0.1:", id="hanging"),
        pytest.param(dripping, "took longer than 0.5 s", id="dripping"),
        pytest.param(dripping_with_length, "took longer than 0.5 s", id="dripping-with-length"),
        pytest.param(breaking_off, "cannot reach 127.0.0.1:", id="breaking-off"),
        pytest.param(silent_after_the_head, "no answer from 127.0.0.1:", id="silent-after-the-head"),
        pytest.param(to_another_host, "HTTP 302", id="redirect"),
        pytest.param(closing, "cannot reach 127.0.0.1:", id="closing"),
        pytest.param(busy, "HTTP 503: query timed out", id="overloaded"),
    ],
)
async def test_whatever_answers_each_call_ends_and_says_so(handler: Handler, part: str) -> None:
    async with server(handler) as url, PrometheusProvider(PrometheusSettings(url, timeout=0.5)) as provider:
        async with asyncio.timeout(30):
            outcomes = [
                await provider.instant("up", 1.0),
                await provider.raw("up", 1.0, 1.0),
                await provider.now(),
            ]
            with pytest.raises(ProviderUnavailableError):
                await provider.check("up")
    for outcome in outcomes:
        assert isinstance(outcome, Unavailable)
        assert part in outcome.message


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid", "http://user:secret@127.0.0.1:1"])
async def test_nobody_at_the_address_and_no_password_in_the_message(url: str) -> None:
    async with PrometheusProvider(PrometheusSettings(url, timeout=2)) as provider:
        outcome = await provider.instant("up", 1.0)
    assert isinstance(outcome, Unavailable)
    assert "secret" not in outcome.message


async def test_a_compressed_answer_is_read() -> None:
    async def compressed(_: web.Request) -> web.StreamResponse:
        response = web.json_response({**ONE, "infos": ["x" * 100_000]})
        response.enable_compression(web.ContentCoding.gzip)
        return response

    async with server(compressed) as url, PrometheusProvider(PrometheusSettings(url)) as provider:
        assert await provider.instant("up", 1.0) == Value(1.0)


async def test_an_answer_that_is_too_large_is_refused() -> None:
    async def huge(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b" " * 1_000_000)

    async with server(huge) as url, PrometheusProvider(PrometheusSettings(url, max_bytes=100_000)) as provider:
        assert await provider.instant("up", 1.0) == Rejected("the answer is larger than 100000 bytes; select less")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [(bearer("abc\n"), "Bearer abc"), (basic("user", "pass"), "Basic dXNlcjpwYXNz")],
)
async def test_credentials_are_sent_and_can_be_replaced(headers: dict[str, str], expected: str) -> None:
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.json_response(ONE)

    async with server(answer) as url, PrometheusProvider(PrometheusSettings(url, headers)) as provider:
        assert await provider.instant("up", 1.0) == Value(1.0)
        provider.replace_headers(bearer("new"))
        assert await provider.instant("up", 1.0) == Value(1.0)
    assert seen == [expected, "Bearer new"]
    assert expected not in repr(PrometheusSettings(url, headers))


async def test_the_query_travels_in_the_body_below_a_path_prefix() -> None:
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        seen.append((request.method, request.path_qs, str(form["query"])))
        return web.json_response(ONE)

    long = "+".join(["1"] * 20_000)
    async with server(answer) as url, PrometheusProvider(PrometheusSettings(f"{url}/prefix/")) as provider:
        assert await provider.instant(long, 1.0) == Value(1.0)
    assert seen == [("POST", "/prefix/api/v1/query", long)]


async def test_the_same_question_at_the_same_time_is_asked_once() -> None:
    asked: list[str] = []
    release = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(str((await request.post())["time"]))
        await release.wait()
        return web.json_response(ONE)

    async with server(answer) as url, PrometheusProvider(PrometheusSettings(url)) as provider:
        same = [asyncio.create_task(provider.instant("up", 1.0)) for _ in range(20)]
        other = asyncio.create_task(provider.instant("up", 2.0))
        await asyncio.sleep(0)
        same[0].cancel()
        release.set()
        outcomes = await asyncio.gather(*same, other, return_exceptions=True)
        assert isinstance(outcomes[0], asyncio.CancelledError)
        assert outcomes[1:] == [Value(1.0)] * 20
        assert sorted(asked) == ["1.000", "2.000"]
        assert await provider.instant("up", 1.0) == Value(1.0)
    assert sorted(asked) == ["1.000", "1.000", "2.000"]


async def test_what_is_under_way_at_the_end_is_answered_and_nothing_new_is_asked() -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def answer(_: web.Request) -> web.StreamResponse:
        asked.set()
        await release.wait()
        return web.json_response(ONE)

    async with server(answer) as url:
        provider = PrometheusProvider(PrometheusSettings(url))
        under_way = asyncio.create_task(provider.instant("up", 1.0))
        await asked.wait()
        provider.close()
        assert isinstance(await provider.instant("up", 2.0), Unavailable)
        release.set()
        assert await under_way == Value(1.0)


async def test_no_more_requests_at_a_time_than_allowed() -> None:
    under_way: list[int] = []
    now = 0

    async def answer(_: web.Request) -> web.StreamResponse:
        nonlocal now
        now += 1
        under_way.append(now)
        await asyncio.sleep(0.02)
        now -= 1
        return web.json_response(ONE)

    async with server(answer) as url, PrometheusProvider(PrometheusSettings(url, concurrency=3)) as provider:
        outcomes = await asyncio.gather(*(provider.instant("up", float(n)) for n in range(20)))
    assert outcomes == [Value(1.0)] * 20
    assert max(under_way) == 3


async def test_a_server_that_cannot_format_queries_is_asked_to_run_them() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/format_query"):
            raise web.HTTPNotFound
        form = await request.post()
        if form["query"] == "bad(":
            return web.json_response({"status": "error", "error": "parse error: bad"}, status=400)
        return web.json_response(ONE)

    async with server(answer) as url, PrometheusProvider(PrometheusSettings(url)) as provider:
        assert await provider.check("up") is None
        assert await provider.check("bad(") == "parse error: bad"


async def test_requests_are_reported_with_their_outcome() -> None:
    seen: list[tuple[str, bool]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        bad = (await request.post())["query"] == "bad("
        return web.json_response({"status": "error", "error": "no"} if bad else ONE, status=400 if bad else 200)

    settings = PrometheusSettings
    async with (
        server(answer) as url,
        PrometheusProvider(settings(url), on_request=lambda outcome, s: seen.append((outcome, s > 0))) as provider,
    ):
        await provider.instant("up", 1.0)
        await provider.instant("bad(", 1.0)
    assert seen == [("ok", True), ("rejected", True)]
