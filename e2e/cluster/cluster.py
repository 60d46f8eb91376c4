"""One cluster: brought up, taken down, asked how it is."""

import os
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from e2e.cluster import cache, control_plane, debian, identity, mounts, network, shell
from e2e.cluster.addons import LOCAL_IMAGES, Addons
from e2e.cluster.binaries import Binaries
from e2e.cluster.control_plane import ControlPlane, Ports
from e2e.cluster.identity import ClusterIdentity, StateError
from e2e.cluster.images import Images, reference
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.making import ADDON_PROGRAMS, NODE_PROGRAMS, Making
from e2e.cluster.node import Node
from e2e.cluster.paths import DEFAULT_NAME, Layout
from e2e.cluster.processes import Processes
from e2e.cluster.progress import Progress

Part = Literal["control-plane", "controllers", "node", "addons"]
ALL: tuple[Part, ...] = ("control-plane", "controllers", "node", "addons")
"""A cluster that runs pods, with everything on it."""
CONTROL_PLANE: tuple[Part, ...] = ("control-plane",)
"""etcd and the API server on loopback, with the Gateway API's definitions: for tests that need no pods, and no root."""


@dataclass(frozen=True)
class Status:
    """What of a cluster runs: each program that was started, by name, and whether the API server answers."""

    exists: bool
    programs: dict[str, bool]
    answers: bool


class Cluster:
    """A cluster by its name; `state` replaces its usual place."""

    def __init__(self, name: str = DEFAULT_NAME, state: Path | None = None, progress: Progress | None = None) -> None:
        self.layout = Layout.of(name, state)
        self.progress = progress if progress is not None else Progress()
        self.binaries = Binaries(self.progress)
        self.images = Images(self.progress)
        self._processes = Processes(self.layout.pids, self.layout.logs)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.layout.kubeconfig

    @property
    def kubectl(self) -> Kubectl:
        """kubectl, as administrator."""
        return Kubectl(self.binaries.path("kubectl"), self.kubeconfig)

    def up(self, parts: Collection[Part] = ALL) -> None:
        """Bring up `parts`; what runs already is left alone, and what a killed run left half made is completed.

        Raises StateError where the directory holds a cluster of another kind, and shell.CommandError, WaitError or
        DiedError with the end of the log of what failed.
        """
        self.layout.root.parent.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if "node" in parts:
                self._up_whole(parts)
            else:
                self._up_alone(parts)

    def down(self) -> None:
        """Stop and remove the cluster. Where there is none, nothing is done; nothing of anybody else's, ever."""
        if identity.read(self.layout) is None:
            return
        with self._locked():
            known = identity.read(self.layout)
            if known is not None:
                with self.progress.task(f"taking down {self.layout.name}"):
                    self._take_down(known)

    def load(self, image: str) -> None:
        """Make an image known to the node: one that was built here, by its name, or an archive, by its path."""
        known = identity.read(self.layout)
        if known is None or known.link is None:
            raise StateError(f"no cluster with a node at {self.layout.root}: run `python3 -m e2e.cluster up`")
        node = Node(self.layout, self.binaries, known.link, known.cgroup)
        if image.endswith(".tar"):
            shell.run(node.ctr("images", "import", Path(image)))
        else:
            self._import(node, image, self.images.archive(image))

    def build(self, name: str, containerfile: Path, context: Path, build_args: Mapping[str, str] | None = None) -> Path:
        """Build an image, as `images.Images.build` says, and return its archive."""
        debian.install(debian.NODE, self.progress)
        return self.images.build(name, containerfile, context, build_args)

    def status(self) -> Status:
        """What runs now."""
        programs = {name: self._processes.alive(name) for name in self._processes.names()}
        exists = identity.read(self.layout) is not None
        return Status(exists, programs, exists and self.kubeconfig.exists() and control_plane.answers(self.kubectl))

    def summary(self) -> list[str]:
        """What runs now, in lines for people."""
        status = self.status()
        if not status.exists:
            return [f"no cluster at {self.layout.root}"]
        api = "answers" if status.answers else "does not answer"
        lines = [f"cluster {self.layout.name} at {self.layout.root}: the API server {api}"]
        return lines + [f"  {name}: {'runs' if runs else 'has ended'}" for name, runs in status.programs.items()]

    def _up_alone(self, parts: Collection[Part]) -> None:
        debian.install(debian.CONTROL_PLANE, self.progress)
        self.binaries.path("kube-apiserver")
        with self.progress.task(f"control plane {self.layout.name}"):
            known = self._identify(lambda: ClusterIdentity(self.layout.name, control_plane.free_ports(), None))
            if known.link is not None:
                raise StateError(f"{self.layout.root} holds a whole cluster: take it down first, or use another name")
            if not any(self._processes.alive(name) for name in ("etcd", "apiserver")):
                # While it was down somebody may have taken its ports.
                known = replace(known, ports=control_plane.free_ports())
                identity.write(self.layout, known)
            plane = ControlPlane(self.layout, self.binaries, known.ports, None)
            plane.certify()
            plane.up()
            if "controllers" in parts:
                plane.controllers()
        self._addons().gateway_api()

    def _up_whole(self, parts: Collection[Part]) -> None:
        if os.geteuid() != 0:
            raise PermissionError("a cluster with a node needs root, for its network namespace and its containers")
        programs = (*NODE_PROGRAMS, *(ADDON_PROGRAMS if "addons" in parts else ()))
        with Making(self.binaries, self.images, programs, self.progress) as making:
            making.packages()
            making.programs("kubectl", *NODE_PROGRAMS)
            node = self._start()
            self._import(node, "pause", making.image("pause"))
            if "addons" in parts:
                self._install(making, node)

    def _start(self) -> Node:
        known, link = self._linked()
        with self.progress.task("control plane"):
            plane = ControlPlane(self.layout, self.binaries, known.ports, link.node)
            plane.certify()
            plane.up()
            plane.controllers()
            plane.scheduler()
            control_plane.authorize_nodes(self.kubectl)
        with self.progress.task("node"):
            node = Node(self.layout, self.binaries, link, known.cgroup)
            node.up(self.kubectl)
        return node

    def _linked(self) -> tuple[ClusterIdentity, network.Link]:
        """The identity, with its network made: one cluster at a time, or two that start together choose one address."""
        with cache.locked(network.LOCK):
            known = self._identify(
                lambda: ClusterIdentity(self.layout.name, Ports(), network.choose_link(self.layout.name))
            )
            if known.link is None:
                raise StateError(
                    f"{self.layout.root} holds a control plane alone: take it down first, or use another name"
                )
            network.up(self.layout.netns, known.link)
        return known, known.link

    def _install(self, making: Making, node: Node) -> None:
        addons = self._addons()
        self._import(node, "coredns", making.image("coredns"))
        addons.coredns()
        self._import(node, "prometheus", making.image("prometheus"))
        addons.prometheus(str(self.layout.root / "prometheus"))
        for image in ("base", "envoy", "envoy-gateway"):
            self._import(node, image, making.image(image))
        making.programs("helm")
        addons.envoy_gateway()

    def _addons(self) -> Addons:
        return Addons(self.kubectl, self.binaries, LOCAL_IMAGES, self.layout.done, self.progress)

    def _import(self, node: Node, image: str, archive: Path) -> None:
        """Import an archive, unless this very one was the last that was imported under its name."""
        note = self.layout.done / f"image-{reference(image).replace('/', '_')}"
        if note.exists() and note.read_text() == archive.name:
            return
        with self.progress.task(f"loading {reference(image)}"):
            shell.run(node.ctr("images", "import", archive))
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(archive.name)

    def _identify(self, make: Callable[[], ClusterIdentity]) -> ClusterIdentity:
        known = identity.read(self.layout)
        if known is None:
            if self.layout.root.exists() and any(self.layout.root.iterdir()):
                raise StateError(f"{self.layout.root} is not empty and no cluster's state: name another, or empty it")
            known = make()
            identity.write(self.layout, known)
        return known

    def _take_down(self, known: ClusterIdentity) -> None:
        if known.link is not None:
            Node(self.layout, self.binaries, known.link, known.cgroup).down()
        ControlPlane(self.layout, self.binaries, known.ports, None).down()
        for name in self._processes.names():
            self._processes.stop(name, grace=5.0)
        # Nothing may be deleted through a mount. The identity goes last: until then `down` can be repeated.
        mounts.unmount_below(self.layout.root)
        if known.link is not None:
            network.down(known.link)
        for entry in self.layout.root.iterdir():
            if entry == self.layout.identity:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        self.layout.identity.unlink()
        self.layout.root.rmdir()

    def _locked(self) -> AbstractContextManager[None]:
        return cache.locked(self.layout.lock, lambda: self.progress.say("another run works on this cluster: waiting"))
