"""`kubectl mr plan` and `backtest` on the history of a real Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from modelrollout.api.errors import TransientError
from modelrollout.cli.arguments import read
from modelrollout.cli.choosing import NothingToDoError
from modelrollout.cli.main import run
from tests.support.backfill import RECEIVES, write
from tests.support.objects import ROLLOUT, manifest
from tests.support.prometheus import RealPrometheus

pytestmark = pytest.mark.component

SCRAPE = 15
BEFORE, HISTORY = 300, 2400
BAD_FROM = 400
"""Seconds after the candidate's first request at which `rbad` begins to fail a tenth of its requests."""
STAGES = [{"name": "canary", "weight": 10, "duration": "5m"}, {"name": "full", "weight": 100, "duration": "5m"}]


@pytest.fixture(scope="module")
def begin() -> float:
    """When the candidates of the history got their first request."""
    return float(int(time.time()) - HISTORY + BEFORE)


@pytest.fixture(scope="module")
def past(prometheus_binary: Path, tmp_path_factory: pytest.TempPathFactory, begin: float) -> Iterator[RealPrometheus]:
    """Forty minutes: stable answers 9 requests a second, each of two candidates 1."""
    directory = tmp_path_factory.mktemp("past")
    with RealPrometheus(prometheus_binary, directory, options=RECEIVES) as one:
        for pod, a_second, bad_from in (
            ("rstable-1", 5, None),
            ("rstable-2", 4, None),
            ("rgood-1", 1, None),
            ("rbad-1", 1, BAD_FROM),
        ):
            _fill(one.url, f"digits-{pod}", begin, a_second, bad_from)
        yield one


def _fill(url: str, pod: str, begin: float, a_second: float, bad_from: float | None) -> None:
    at = [begin - BEFORE + SCRAPE * number for number in range(HISTORY // SCRAPE)]
    labels = {"namespace": "demo", "pod": pod, "instance": pod, "job": "pods"}

    def errors(seconds: float) -> float:
        return 0.0 if bad_from is None else float(int(max(0.0, seconds - bad_from) * a_second / 10))

    write(url, labels | {"__name__": "up"}, ((each, 1.0) for each in at))
    write(url, labels | {"__name__": "requests"}, ((each, a_second * (each - begin + BEFORE)) for each in at))
    write(url, labels | {"__name__": "errors"}, ((each, errors(each - begin)) for each in at))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "rollout.yaml")


def written(path: Path, **metric: object) -> Path:
    """A manifest whose one metric is changed so."""
    given = yaml.safe_load(ROLLOUT)["spec"]["metrics"][0] | metric
    path.write_text(yaml.safe_dump(manifest(stages=STAGES, metrics=[given])))
    return path


async def told(words: str, file: Path, past: RealPrometheus) -> list[str]:
    command = read([*words.split(), "-f", str(file), "--stable", "rstable", "--prometheus", past.url])
    done, text = await run(command)
    assert done
    return text.splitlines()


def span(begin: float, minutes: float = 30) -> str:
    start = datetime.fromtimestamp(begin, UTC)
    return f"--from {start:%Y-%m-%dT%H:%M:%SZ} --to {start + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def instant(line: str) -> float:
    return datetime.fromisoformat(line[:20].replace(" ", "T")).timestamp()


async def test_a_good_candidate_would_have_been_promoted(past: RealPrometheus, file: Path, begin: float) -> None:
    head, *lines = await told(f"backtest {span(begin)} --candidate rgood", file, past)
    assert head.startswith("digits: revision rgood judged against rstable")
    assert [line.split()[2] for line in lines] == ["Begin", "Enter", "InForce", "Enter", "InForce", "Promote"]
    assert 600 <= instant(lines[-1]) - begin <= 720


async def test_a_bad_one_would_have_been_rolled_back_when_it_went_bad(
    past: RealPrometheus, file: Path, begin: float
) -> None:
    lines = await told(f"backtest {span(begin)} --candidate rbad", file, past)
    assert "RollBack full at 0 %: Harm: error-rate" in lines[-1]
    # After 400 good answers, and with two failures counted as one: nobody has said that clients do not retry.
    assert BAD_FROM < instant(lines[-1]) - begin < BAD_FROM + 240


async def test_another_limit_may_be_tried_on_the_same_history(past: RealPrometheus, file: Path, begin: float) -> None:
    written(file, check={"max": "0.2"})
    lines = await told(f"backtest {span(begin)} --candidate rbad", file, past)
    assert " Promote " in lines[-1]


async def test_halves_of_a_revision_are_judged_against_each_other(
    past: RealPrometheus, file: Path, begin: float
) -> None:
    head, *lines, alarms = await told(f"backtest {span(begin)} --aa", file, past)
    assert head.startswith("digits: 2 pods of revision rstable in two halves")
    assert [line.split()[2] for line in lines[:2]] == ["Promote", "Promote"]
    assert alarms == "false alarms: 0 of 2 rollouts"


async def test_a_plan_reads_the_traffic_of_now(past: RealPrometheus, file: Path) -> None:
    head, canary, full, total = await told("plan", file, past)
    assert head.startswith("digits: version ? answers ")
    assert float(head.split()[4]) == pytest.approx(9, rel=0.1)
    assert canary.startswith("  canary at 10 %: passes in about 5.")
    assert full.startswith("  full at 100 %: passes in about 5")
    assert total.startswith("  all steps: about 10")


async def test_a_margin_that_cannot_be_shown_is_pointed_at(past: RealPrometheus, file: Path) -> None:
    written(file, minSamples=1_000_000)
    _, canary, *_ = await told("plan", file, past)
    assert canary.startswith("! canary at 10 %: error-rate can never be shown at this traffic (")


async def test_what_is_missing_is_said(past: RealPrometheus, file: Path, begin: float) -> None:
    with pytest.raises(NothingToDoError, match="--candidate HASH"):
        await told(f"backtest {span(begin)}", file, past)
    with pytest.raises(NothingToDoError, match="--from must be a time before --to"):
        await told(f"backtest {span(begin, minutes=-1)} --candidate rgood", file, past)


async def test_a_prometheus_that_does_not_answer_is_an_error(file: Path) -> None:
    command = read(["plan", "-f", str(file), "--stable", "rstable", "--prometheus", "http://127.0.0.1:1"])
    with pytest.raises(TransientError, match="cannot reach"):
        await run(command)


async def test_limits_are_suggested_from_what_stable_did_and_tried_on_it(
    past: RealPrometheus, file: Path, begin: float
) -> None:
    since = f"{datetime.fromtimestamp(begin, UTC):%Y-%m-%dT%H:%M:%S}"
    lines = await told(f"suggest --from {since}", file, past)
    assert lines[1].startswith("error-rate: usually 0, sigma 0, from 0 to 0 (")
    assert lines[2].strip() == 'now:      check: {max: "0.01"}'
    assert lines[3].startswith('  proposed: check: {max: "0.00')
    assert lines[-1].startswith("false alarms of all together: 0 of ")
