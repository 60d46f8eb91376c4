"""The one node: containerd, kubelet and kube-proxy in the cluster's network namespace."""

import shutil
from collections.abc import Callable
from pathlib import Path

from e2e.cluster import cgroups, debian, mounts, network, pki, processes, shell, templates
from e2e.cluster.binaries import Binaries
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.network import Link
from e2e.cluster.paths import Layout
from e2e.cluster.processes import Processes
from e2e.cluster.shell import Command

NAME = "node"
_CONTAINER_LOGS = Path("/var/log/containers")


class Node:
    """The node of one cluster."""

    def __init__(self, layout: Layout, binaries: Binaries, link: Link, cgroup: str) -> None:
        self._layout = layout
        self._binaries = binaries
        self._link = link
        self._cgroup = cgroup
        self._processes = Processes(layout.pids, layout.logs)

    def up(self, kubectl: Kubectl) -> None:
        """Start the node's programs and wait until it is Ready. Raises DiedError or WaitError with a log's end."""
        layout = self._layout
        pki.ensure(layout.pki, [pki.node(NAME, self._link.node)])
        pki.write_kubeconfig(layout.pki, "kubelet", cluster=layout.name, url=f"https://{self._link.node}:6443")
        self._configure()
        if not self._processes.alive("containerd"):
            self._forget_last_boot()
        self._start("containerd", [debian.program("containerd"), "--config", layout.config / "containerd.toml"])
        self._processes.wait_ready("containerd", lambda: shell.succeeds(self.ctr("version")), seconds=30)
        cgroups.prepare(self._cgroup)
        kubelet: Command = [self._binaries.path("kubelet"), f"--config={layout.config / 'kubelet.yaml'}"]
        kubelet += ["--kubeconfig=kubelet.conf", f"--hostname-override={NAME}", f"--node-ip={self._link.node}"]
        kubelet += [f"--root-dir={layout.root / 'kubelet'}", f"--cert-dir={layout.root / 'kubelet-pki'}"]
        self._start("kubelet", kubelet)
        self._start("proxy", [self._binaries.path("kube-proxy"), f"--config={layout.config / 'kube-proxy.yaml'}"])
        ready = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        self._processes.wait_ready(
            "kubelet",
            lambda: (
                kubectl.succeeds("get", "node", NAME)
                and kubectl("get", "node", NAME, "--output", ready).strip() == "True"
            ),
            seconds=90,
        )

    def ctr(self, *arguments: str | Path) -> Command:
        """The command line of containerd's client for the node's containerd."""
        return [debian.program("ctr"), "--address", self._layout.containerd_socket, "--namespace", "k8s.io", *arguments]

    def down(self) -> None:
        """Stop the programs and every container, and remove what they leave outside the state directory."""
        for name in ("kubelet", "proxy"):
            self._processes.stop(name, grace=5.0)
        self._end_containers()
        self._processes.stop("containerd", grace=5.0)
        self._end_shims()
        mounts.unmount_below(self._layout.root)
        cgroups.remove(self._cgroup)
        self._remove_log_links()

    def _configure(self) -> None:
        state, config = str(self._layout.root), self._layout.config
        templates.place("config/containerd.toml", config, state=state)
        templates.place("config/kubelet.yaml", config, state=state, cgroup=self._cgroup, dns=network.DNS_SERVICE)
        proxy = {"state": state, "pods": network.PODS, "node": NAME}
        if not templates.placed("config/kube-proxy.yaml", config, **proxy):
            # It would end by itself, but only after it was seen running.
            self._processes.stop("proxy", grace=5.0)
            templates.place("config/kube-proxy.yaml", config, **proxy)
        templates.place("config/10-bridge.conflist", config / "cni", state=state, pods=network.PODS)
        # Pods that ask for the node's own DNS get one that does not exist: the namespace reaches nobody.
        (config / "resolv.conf").write_text("nameserver 127.0.0.1\n", encoding="ascii")

    def _start(self, name: str, argv: Command) -> None:
        self._processes.start(name, [*network.inside(self._layout.netns), *argv], cwd=self._layout.pki)

    def _forget_last_boot(self) -> None:
        """Containers do not survive a reboot, and neither must the notes on running ones."""
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        note = self._layout.root / "boot"
        if note.exists() and note.read_text() != boot:
            for directory in ("containerd-state", "runc"):
                shutil.rmtree(self._layout.root / directory, ignore_errors=True)
        note.write_text(boot)

    def _end_containers(self) -> None:
        """Kill what runs in the pods' control groups; containerd, which still runs, then tidies up after them."""
        _end_all(lambda: cgroups.processes(self._cgroup))
        processes.ended(self._shims, seconds=10)

    def _end_shims(self) -> None:
        _end_all(self._shims)

    def _shims(self) -> list[int]:
        """The processes that stand between this node's containerd and its containers: they name its socket."""
        socket = str(self._layout.containerd_socket)
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if Path(words[0]).name.startswith("containerd-shim") and socket in words:
                found.append(int(entry.name))
        return found

    def _remove_log_links(self) -> None:
        """kubelet links pods' logs in a place that it does not let anyone choose."""
        for link in _CONTAINER_LOGS.glob("*.log"):
            if link.is_symlink() and Path(self._layout.root) in Path(link.readlink()).parents:
                link.unlink()


def _end_all(listed: Callable[[], list[int]]) -> None:
    """Kill the processes that are listed, each only if it still is when it is held."""
    for pid in listed():

        def still_listed(pid: int = pid) -> bool:
            return pid in listed()

        processes.end(pid, still_listed, grace=0)
