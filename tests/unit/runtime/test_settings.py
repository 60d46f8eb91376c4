"""Settings: one variable each, and an error that names it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from modelrollout.api.errors import TerminalError
from modelrollout.kube.election import Timing
from modelrollout.runtime.settings import Settings, read_settings

pytestmark = pytest.mark.unit


def test_without_variables_the_defaults_hold() -> None:
    assert read_settings({}) == Settings()


def test_every_variable_is_read() -> None:
    read = read_settings(
        {
            "MODELROLLOUT_PROMETHEUS_URL": "http://p:9090",
            "MODELROLLOUT_PROMETHEUS_SCRAPE_INTERVAL": "1s",
            "MODELROLLOUT_PROMETHEUS_SCRAPE_TIMEOUT": "900ms",
            "MODELROLLOUT_PROMETHEUS_TOKEN_FILE": "/token",
            "MODELROLLOUT_SELECTOR_REVISION_LABEL": "revision",
            "MODELROLLOUT_SELECTOR_NAME_LABEL": "rollout",
            "MODELROLLOUT_LOG_FORMAT": "console",
            "MODELROLLOUT_LOG_LEVEL": "debug",
            "MODELROLLOUT_RESYNC": "1m30s",
            "MODELROLLOUT_WATCH_NAMESPACES": "a, b",
            "MODELROLLOUT_WORKERS": "3",
            "MODELROLLOUT_HTTP_PORT": "9000",
            "MODELROLLOUT_LEASE_NAMESPACE": "ops",
            "MODELROLLOUT_LEASE_NAME": "ours",
            "MODELROLLOUT_LEASE_DURATION": "3s",
            "MODELROLLOUT_LEASE_RENEW_DEADLINE": "2s",
            "MODELROLLOUT_LEASE_RETRY_PERIOD": "500ms",
        }
    )
    assert read == Settings(
        prometheus_url="http://p:9090",
        scrape_interval=timedelta(seconds=1),
        scrape_timeout=timedelta(milliseconds=900),
        prometheus_token_file="/token",
        revision_label="revision",
        name_label="rollout",
        log_format="console",
        log_level="debug",
        resync=timedelta(seconds=90),
        namespaces=("a", "b"),
        workers=3,
        http_port=9000,
        lease_namespace="ops",
        lease_name="ours",
        lease=Timing(duration=3, deadline=2, retry=0.5),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("RESYNC", "ten minutes"), ("WORKERS", "0"), ("WORKERS", "many"), ("LOG_FORMAT", "xml"), ("HTTP_PORT", "-1")],
)
def test_what_cannot_be_read_is_named(name: str, value: str) -> None:
    with pytest.raises(TerminalError, match=f"MODELROLLOUT_{name}") as caught:
        read_settings({f"MODELROLLOUT_{name}": value})
    assert value in caught.value.message


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        pytest.param({"DURATION": "500ms"}, "LEASE_DURATION", id="no whole seconds"),
        pytest.param({"DURATION": "2h"}, "LEASE_DURATION", id="nobody waits so long"),
        pytest.param({"DURATION": "10s"}, "LEASE_RENEW_DEADLINE", id="others would take it before the leader gives up"),
        pytest.param({"RENEW_DEADLINE": "3s"}, "LEASE_RENEW_DEADLINE", id="one failure would be too many"),
    ],
)
def test_times_that_would_make_two_leaders_are_refused(variables: dict[str, str], named: str) -> None:
    with pytest.raises(TerminalError, match=f"MODELROLLOUT_{named}"):
        read_settings({f"MODELROLLOUT_LEASE_{name}": value for name, value in variables.items()})
