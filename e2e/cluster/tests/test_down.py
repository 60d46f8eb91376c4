"""`down` touches nothing but what its own state says is its own."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import CONTROL_PLANE, Cluster, identity, mounts
from e2e.cluster.control_plane import Ports
from e2e.cluster.identity import ClusterIdentity, StateError
from e2e.cluster.network import Link
from e2e.cluster.paths import Layout

pytestmark = pytest.mark.e2e

# Of a cluster that was never up: no such link, no such control group.
NEVER_UP = ClusterIdentity("mr-never-up", Ports(), Link("mr-never-1", "198.18.0.253", "198.18.0.254"))


@pytest.fixture
def home() -> Iterator[Path]:
    """A short path: sockets lie below it."""
    place = Path(tempfile.mkdtemp(prefix="mr-"))
    yield place
    mounts.unmount_below(place)
    shutil.rmtree(place)


@pytest.fixture
def cluster(home: Path) -> Cluster:
    return Cluster(NEVER_UP.name, home / "state")


def machine_mounts() -> list[str]:
    """The mount table without what other clusters, and the tests beside this one, come and go with."""
    others = ("/kubelet/pods/", "/containerd", "/mr-")
    return [line for line in mounts.table().splitlines() if not any(other in line for other in others)]


def test_where_no_state_is_nothing_is_done(cluster: Cluster, home: Path) -> None:
    before = machine_mounts()
    cluster.down()
    assert machine_mounts() == before
    assert list(home.iterdir()) == []


def test_a_directory_that_is_no_state_is_left_as_it_is(cluster: Cluster) -> None:
    before = machine_mounts()
    cluster.layout.root.mkdir()
    (cluster.layout.root / "thesis.txt").write_text("years of work")
    cluster.down()
    assert (cluster.layout.root / "thesis.txt").read_text() == "years of work"
    assert machine_mounts() == before


def test_up_does_not_move_into_somebody_elses_directory(cluster: Cluster) -> None:
    cluster.layout.root.mkdir()
    (cluster.layout.root / "thesis.txt").write_text("years of work")
    with pytest.raises(StateError, match="not empty and no cluster's state"):
        cluster.up(CONTROL_PLANE)
    assert [entry.name for entry in cluster.layout.root.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    "left", [(), ("pids",), ("pids", "log", "config", "pki", "kubelet")], ids=["all", "most", "some"]
)
def test_a_half_removed_state_is_removed_and_nothing_else(cluster: Cluster, left: tuple[str, ...]) -> None:
    before = machine_mounts()
    identity.write(cluster.layout, NEVER_UP)
    for folder in left:
        (cluster.layout.root / folder).mkdir()
    cluster.down()
    assert not cluster.layout.root.exists()
    assert machine_mounts() == before


def test_twice_down_is_as_good_as_once(cluster: Cluster) -> None:
    identity.write(cluster.layout, NEVER_UP)
    cluster.down()
    before = machine_mounts()
    cluster.down()
    assert machine_mounts() == before


def test_what_is_mounted_in_the_state_is_unmounted_but_not_deleted(cluster: Cluster, home: Path) -> None:
    precious = home / "precious"
    (precious / "inner").mkdir(parents=True)
    (precious / "thesis.txt").write_text("years of work")
    before = machine_mounts()
    identity.write(cluster.layout, NEVER_UP)
    (cluster.layout.root / "volume").mkdir()
    for point in ("volume", "volume/inner"):
        subprocess.run(["mount", "--bind", precious, cluster.layout.root / point], check=True)
    cluster.down()
    assert (precious / "thesis.txt").read_text() == "years of work"
    assert not cluster.layout.root.exists()
    assert str(home) not in mounts.table()
    assert machine_mounts() == before


def test_a_mount_that_is_in_use_is_detached_and_its_content_kept(cluster: Cluster, home: Path) -> None:
    precious = home / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    identity.write(cluster.layout, NEVER_UP)
    point = cluster.layout.root / "volume"
    point.mkdir()
    subprocess.run(["mount", "--bind", precious, point], check=True)
    with (point / "thesis.txt").open() as held:
        cluster.down()
        assert held.read() == "years of work"
    assert (precious / "thesis.txt").exists()
    assert not cluster.layout.root.exists()


def test_a_program_that_got_a_noted_pid_later_survives(cluster: Cluster) -> None:
    with subprocess.Popen(["sleep", "600"]) as stranger:
        identity.write(cluster.layout, NEVER_UP)
        cluster.layout.pids.mkdir()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        fields = Path(f"/proc/{stranger.pid}/stat").read_text().split()
        fields[21] = str(int(fields[21]) - 1)
        (cluster.layout.pids / "etcd").write_text(boot + " ".join(fields) + "\n")
        cluster.down()
        assert stranger.poll() is None
        stranger.kill()
    assert not cluster.layout.root.exists()


def test_a_damaged_identity_stops_everything(cluster: Cluster) -> None:
    before = machine_mounts()
    cluster.layout.root.mkdir()
    cluster.layout.identity.write_text("{")
    with pytest.raises(StateError, match="is damaged"):
        cluster.down()
    assert cluster.layout.identity.exists()
    assert machine_mounts() == before


def test_places_that_are_no_directory_for_a_state_are_refused() -> None:
    for place in ("/", "/proc"):
        with pytest.raises(ValueError, match="at least two levels"):
            Layout.of("a", Path(place))
