"""How the operator connects."""

from __future__ import annotations

import pytest

from modelrollout.runtime.app import client_settings

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("proxy", [None, "http://proxy.example:3128"])
def test_the_environment_is_looked_at_only_where_it_names_a_proxy(
    proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    if proxy is not None:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert client_settings().client_session_kwargs == {"trust_env": proxy is not None}
