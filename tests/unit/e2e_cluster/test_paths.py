from pathlib import Path

import pytest

from e2e.cluster import paths
from e2e.cluster.paths import Layout

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a b", "a/b", "..", "x" * 41])
def test_a_name_that_the_kernel_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cluster name"):
        Layout.of(name, Path("/tmp/state"))


@pytest.mark.parametrize("state", ["/", "/var"])
def test_a_place_near_the_root_is_refused(state: str) -> None:
    with pytest.raises(ValueError, match="at least two levels"):
        Layout.of("a", Path(state))


def test_a_place_too_long_for_sockets_is_refused() -> None:
    with pytest.raises(ValueError, match="too long for the sockets"):
        Layout.of("a", Path("/tmp") / ("x" * 90))


def test_the_environment_names_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELROLLOUT_STATE", "/srv/clusters")
    monkeypatch.setenv("XDG_CACHE_HOME", "/srv/cache")
    assert Layout.of("a").root == Path("/srv/clusters/a")
    assert paths.cache_home() == Path("/srv/cache/modelrollout")


def test_the_lock_survives_the_removal_of_the_state() -> None:
    layout = Layout.of("a", Path("/tmp/clusters/a"))
    assert layout.root not in layout.lock.parents
