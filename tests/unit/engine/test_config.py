"""Which revision a spec asks for, when ConfigMaps and Secrets are part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from modelrollout.api.status import AttemptStatus, ModelRolloutStatus, SeenConfig
from modelrollout.engine.config import Config, ConfigKind, ConfigRef, refs_of, wanted
from modelrollout.engine.revisions import Revision, canonical, revision_of, short_hash
from tests.support.scenes import MINUTE, NOW, failure, raw_spec

pytestmark = pytest.mark.unit

ONE, TWO = {"ConfigMap/model": "rone"}, {"ConfigMap/model": "rtwo"}
RAW = raw_spec("1")
PLAIN, WITH_ONE, WITH_TWO = revision_of(RAW), revision_of(RAW, ONE), revision_of(RAW, TWO)
OTHER = revision_of(raw_spec("2"))
OFF, UNREAD = Config(tracked=False), Config(tracked=True)


def known(digests: dict[str, str]) -> Config:
    return Config(tracked=True, digests=digests)


def digest(digests: dict[str, str]) -> str:
    return short_hash(canonical(digests))


def seen(revision: Revision, digests: dict[str, str]) -> SeenConfig:
    return SeenConfig(revision=revision.hash, digest=digest(digests))


def status(stable: Revision | None = None, **changes: Any) -> ModelRolloutStatus:
    return ModelRolloutStatus(stable=stable.ref if stable else None).model_copy(update=changes)


@pytest.mark.parametrize(
    ("stored", "before", "config", "revision", "after"),
    [
        pytest.param((), status(), OFF, PLAIN, (), id="not tracked: as ever"),
        pytest.param((PLAIN, OTHER), status(OTHER), OFF, PLAIN, (), id="not tracked: the stored one"),
        pytest.param((), status(), known({}), PLAIN, (), id="nothing is named: no other hash"),
        pytest.param((), status(), known(ONE), WITH_ONE, (), id="a new revision has it"),
        pytest.param((WITH_ONE,), status(WITH_ONE), known(ONE), WITH_ONE, (), id="and keeps it"),
        pytest.param((WITH_ONE,), status(WITH_ONE), known(TWO), WITH_TWO, (), id="a change is another revision"),
        pytest.param(
            (WITH_ONE, WITH_TWO), status(WITH_TWO), known(ONE), WITH_ONE, (), id="and back is the revision before"
        ),
        pytest.param(
            (PLAIN,), status(PLAIN), known(ONE), PLAIN, (seen(PLAIN, ONE),), id="switching it on restarts nothing"
        ),
        pytest.param(
            (PLAIN,),
            status(PLAIN, config=(seen(PLAIN, ONE),)),
            known(ONE),
            PLAIN,
            (seen(PLAIN, ONE),),
            id="nor does it later",
        ),
        pytest.param(
            (PLAIN,),
            status(PLAIN, config=(seen(PLAIN, ONE),)),
            known(TWO),
            WITH_TWO,
            (seen(PLAIN, ONE),),
            id="the next change does",
        ),
        pytest.param(
            (PLAIN, WITH_TWO),
            status(WITH_TWO, config=(seen(PLAIN, ONE),)),
            known(ONE),
            PLAIN,
            (seen(PLAIN, ONE),),
            id="and back is what it was first seen with",
        ),
        pytest.param(
            (PLAIN,),
            status(PLAIN, config=(seen(PLAIN, ONE), seen(OTHER, TWO))),
            known(ONE),
            PLAIN,
            (seen(PLAIN, ONE),),
            id="what was collected is forgotten",
        ),
        pytest.param((WITH_ONE,), status(WITH_ONE), UNREAD, WITH_ONE, (), id="unread: what serves goes on"),
        pytest.param(
            (PLAIN,),
            status(PLAIN, config=(seen(PLAIN, ONE),)),
            UNREAD,
            PLAIN,
            (seen(PLAIN, ONE),),
            id="unread: nothing is forgotten",
        ),
        pytest.param(
            (WITH_ONE, WITH_TWO),
            status(WITH_ONE, failed=failure(WITH_TWO)),
            UNREAD,
            WITH_TWO,
            (),
            id="unread: what has failed is not taken for what serves",
        ),
        pytest.param((OTHER,), status(OTHER), UNREAD, PLAIN, (), id="unread: a new one is named, and not begun"),
        pytest.param(
            (WITH_ONE, WITH_TWO),
            status(WITH_ONE, failed=failure(WITH_TWO)),
            OFF,
            WITH_ONE,
            (),
            id="switched off: what serves is what is asked for",
        ),
        pytest.param((WITH_ONE, WITH_TWO), status(OTHER), OFF, WITH_TWO, (), id="switched off: else the newest"),
    ],
)
def test_the_revision_that_is_asked_for(
    stored: Sequence[Revision],
    before: ModelRolloutStatus,
    config: Config,
    revision: Revision,
    after: tuple[SeenConfig, ...],
) -> None:
    found = wanted(RAW, stored, before, config)
    assert (found.revision, found.seen) == (revision, after)


def test_what_moves_goes_on_while_its_configuration_cannot_be_read() -> None:
    attempt = AttemptStatus(**WITH_ONE.ref.model_dump(), started_at=NOW - MINUTE)
    found = wanted(RAW, (WITH_ONE, WITH_TWO), status(WITH_TWO, attempt=attempt), UNREAD)
    assert found.revision == WITH_ONE


def test_a_digest_makes_another_revision_and_no_digest_the_same() -> None:
    assert revision_of(RAW, {}) == revision_of(RAW, None) == PLAIN
    assert len({PLAIN.hash, WITH_ONE.hash, WITH_TWO.hash}) == 3
    assert WITH_ONE.parsed()["config"] == ONE


MAP, SECRET = ConfigKind.CONFIG_MAP, ConfigKind.SECRET


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"volumes": [{"configMap": {"name": "a"}}]}, [ConfigRef(MAP, "a", optional=False)]),
        ({"volumes": [{"secret": {"secretName": "a", "optional": True}}]}, [ConfigRef(SECRET, "a", optional=True)]),
        (
            {"volumes": [{"projected": {"sources": [{"configMap": {"name": "a"}}, {"secret": {"name": "b"}}]}}]},
            [ConfigRef(MAP, "a", optional=False), ConfigRef(SECRET, "b", optional=False)],
        ),
        (
            {"containers": [{"envFrom": [{"configMapRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]}]},
            [ConfigRef(MAP, "a", optional=False), ConfigRef(SECRET, "b", optional=False)],
        ),
        (
            {"initContainers": [{"env": [{"valueFrom": {"configMapKeyRef": {"name": "a", "key": "k"}}}]}]},
            [ConfigRef(MAP, "a", optional=False)],
        ),
        (
            {"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "a", "key": "k"}}}]}]},
            [ConfigRef(SECRET, "a", optional=False)],
        ),
        (
            {
                "volumes": [{"configMap": {"name": "a", "optional": True}}],
                "containers": [{"envFrom": [{"configMapRef": {"name": "a"}}]}],
            },
            [ConfigRef(MAP, "a", optional=False)],
        ),
        ({"containers": [{"env": [{"name": "A", "value": "b"}], "envFrom": "no"}], "volumes": [{"emptyDir": {}}]}, []),
        ({"imagePullSecrets": [{"name": "registry"}]}, []),
    ],
)
def test_what_a_template_names(pod: dict[str, Any], expected: list[ConfigRef]) -> None:
    assert list(refs_of({"spec": pod})) == expected
