"""A cluster's whole life: killed while it comes up, completed, robbed of its programs, mended, gone without a trace."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import Cluster, cgroups, identity, mounts, paths, processes, shell
from e2e.cluster.cluster import Part

pytestmark = pytest.mark.e2e

NAME = "mr-life"
PARTS: tuple[Part, ...] = ("control-plane", "controllers", "node")
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: still, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: still
    image: localhost/pause:1
    imagePullPolicy: IfNotPresent
    volumeMounts: [{name: scratch, mountPath: /scratch}]
  volumes: [{name: scratch, emptyDir: {medium: Memory}}]
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="mr-"))
    yield place
    Cluster(NAME, place / "state").down()
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def cluster(home: Path) -> Cluster:
    return Cluster(NAME, home / "state")


def ours(cluster: Cluster) -> list[str]:
    """The command lines of the processes that name the state directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(cluster.layout.root) in line:
                found.append(line)
    return found


def kill_when(cluster: Cluster, marker: Path) -> None:
    """Start `up` in a process of its own and kill it as soon as `marker` is there."""
    code = f"""
from pathlib import Path
from e2e.cluster import Cluster
Cluster({NAME!r}, Path({str(cluster.layout.root)!r})).up({PARTS!r})
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=paths.HERE.parent.parent, stderr=subprocess.PIPE) as up:
        try:
            shell.wait_until(
                lambda: marker.exists() or up.poll() is not None, f"{marker.name} to appear", seconds=900, every=0.005
            )
            assert marker.exists(), f"`up` ended before it could be killed: {up.communicate()[1].decode()}"
        finally:
            up.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    "marker",
    ["identity.json", "netns", "pki/ca.crt", "pids/etcd", "pids/apiserver", "config/kubelet.yaml", "pids/containerd"],
)
def test_up_can_be_killed_anywhere(cluster: Cluster, marker: str) -> None:
    kill_when(cluster, cluster.layout.root / marker)
    assert identity.read(cluster.layout) is not None


def test_the_next_up_completes_it(cluster: Cluster) -> None:
    cluster.up(PARTS)
    status = cluster.status()
    assert status.answers
    assert set(status.programs.items()) == {
        (name, True)
        for name in ("etcd", "apiserver", "controller-manager", "scheduler", "containerd", "kubelet", "proxy")
    }
    assert sum("/etcd " in line for line in ours(cluster)) == 1


def test_a_pod_runs(cluster: Cluster) -> None:
    cluster.kubectl.apply(POD)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/still", "--timeout=60s")


def test_programs_that_were_killed_are_started_again_and_the_pod_goes_on(cluster: Cluster) -> None:
    started = cluster.kubectl("get", "pod", "still", "--output=jsonpath={.status.containerStatuses[0].containerID}")
    for name in ("containerd", "kubelet", "apiserver", "etcd"):
        noted = processes.parse((cluster.layout.pids / name).read_text())
        assert noted is not None
        os.kill(noted.pid, signal.SIGKILL)
        shell.wait_until(lambda name=name: not cluster.status().programs[name], f"{name} to end", seconds=10)  # type: ignore[misc]
    cluster.up(PARTS)
    assert all(cluster.status().programs.values())
    cluster.kubectl("wait", "--for=condition=Ready", "pod/still", "--timeout=60s")
    again = cluster.kubectl("get", "pod", "still", "--output=jsonpath={.status.containerStatuses[0].containerID}")
    assert again == started


def test_a_second_up_changes_nothing(cluster: Cluster) -> None:
    before = {name: (cluster.layout.pids / name).read_text() for name in cluster.status().programs}
    cluster.up(PARTS)
    assert {name: (cluster.layout.pids / name).read_text() for name in cluster.status().programs} == before


def test_down_leaves_nothing(cluster: Cluster) -> None:
    known = identity.read(cluster.layout)
    assert known is not None
    assert known.link is not None
    # Else the test would not see what it is about.
    assert mounts.below(mounts.table(), cluster.layout.root)
    assert cgroups.processes(NAME)
    cluster.down()
    assert ours(cluster) == []
    assert mounts.below(mounts.table(), cluster.layout.root) == []
    assert not shell.succeeds(["ip", "link", "show", "dev", known.link.name])
    assert list(cgroups.MOUNT.glob(f"**/{NAME}")) == []
    logs = (link for link in Path("/var/log/containers").glob("*") if link.is_symlink())
    assert [link for link in logs if cluster.layout.root in link.readlink().parents] == []
    assert not cluster.layout.root.exists()
