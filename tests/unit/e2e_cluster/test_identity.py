from pathlib import Path

import pytest

from e2e.cluster import identity
from e2e.cluster.control_plane import Ports
from e2e.cluster.identity import ClusterIdentity, StateError
from e2e.cluster.network import Link
from e2e.cluster.paths import Layout

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("link", [None, Link("a-1234", "198.18.0.1", "198.18.0.2")], ids=["alone", "whole"])
def test_what_was_written_is_read(tmp_path: Path, link: Link | None) -> None:
    layout = Layout("a", tmp_path / "state")
    known = ClusterIdentity("a", Ports(1, 2, 3), link)
    identity.write(layout, known)
    assert identity.read(layout) == known


def test_where_nothing_is_nobody_is(tmp_path: Path) -> None:
    assert identity.read(Layout("a", tmp_path / "state")) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": "a", "ports": {}, "link": {"x": 1}}'])
def test_a_damaged_identity_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "identity.json").write_text(text)
    with pytest.raises(StateError, match=r"identity\.json is damaged"):
        identity.read(Layout("a", tmp_path))
