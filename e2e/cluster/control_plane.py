"""etcd and Kubernetes' own servers, alone on loopback or inside the cluster's network."""

import socket
from dataclasses import dataclass

from e2e.cluster import network, pki, shell
from e2e.cluster.binaries import Binaries
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.paths import Layout
from e2e.cluster.processes import Processes
from e2e.cluster.shell import Command

# In the order in which they are stopped: the API server before etcd, for which it would wait a minute.
PROGRAMS = ("scheduler", "controller-manager", "apiserver", "etcd")
_ETCD_BYTES = 8 * 2**30
"""The history of five minutes of many writes does not fit into the usual 2 GiB."""


@dataclass(frozen=True)
class Ports:
    """Where the control plane listens."""

    apiserver: int = 6443
    etcd_client: int = 2379
    etcd_peer: int = 2380


def free_ports() -> Ports:
    """Ports of the loopback address that nobody listens on now."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for each in (one, two, three):
            each.bind(("127.0.0.1", 0))
        return Ports(one.getsockname()[1], two.getsockname()[1], three.getsockname()[1])


class ControlPlane:
    """The control plane of one cluster.

    With `node_address` it runs inside the cluster's network namespace and serves there; without, on loopback, where
    no namespace and no root is needed, and no pods can run.
    """

    def __init__(self, layout: Layout, binaries: Binaries, ports: Ports, node_address: str | None) -> None:
        self._layout = layout
        self._binaries = binaries
        self._ports = ports
        self._alone = node_address is None
        self._address = node_address or "127.0.0.1"
        self._prefix: tuple[str, ...] = () if self._alone else network.inside(layout.netns)
        self._processes = Processes(layout.pids, layout.logs)

    @property
    def kubectl(self) -> Kubectl:
        return Kubectl(self._binaries.path("kubectl"), self._layout.kubeconfig)

    @property
    def url(self) -> str:
        return f"https://{self._address}:{self._ports.apiserver}"

    def certify(self) -> None:
        """Make what the programs and people authenticate with."""
        certificates = (pki.server((self._address, "127.0.0.1", network.API_SERVICE)), *pki.USERS)
        pki.ensure(self._layout.pki, certificates)
        for user in pki.USERS:
            pki.write_kubeconfig(self._layout.pki, user.file, cluster=self._layout.name, url=self.url)

    def up(self) -> None:
        """Start etcd and the API server and wait for them. Raises DiedError or WaitError with the log's end."""
        self._start("etcd", "etcd", self._etcd())
        self._start("apiserver", "kube-apiserver", self._apiserver())
        kubectl = self.kubectl
        self._processes.wait_ready("apiserver", lambda: kubectl.succeeds("get", "--raw", "/readyz"), seconds=60)

    def controllers(self) -> None:
        """Start the controller manager, which collects garbage, fills Deployments and makes service accounts."""
        argv = ["--kubeconfig", "controller-manager.conf", "--leader-elect=false", "--controllers=*"]
        argv += ["--service-account-private-key-file=sa.key", "--root-ca-file=ca.crt"]
        argv += ["--use-service-account-credentials", "--cluster-signing-cert-file=ca.crt"]
        argv += ["--cluster-signing-key-file=ca.key", "--secure-port=0" if self._alone else "--secure-port=10257"]
        self._start("controller-manager", "kube-controller-manager", argv)
        kubectl = self.kubectl
        self._processes.wait_ready(
            "controller-manager",
            lambda: kubectl.succeeds("get", "serviceaccount", "default", "--namespace", "default"),
            seconds=60,
        )

    def scheduler(self) -> None:
        """Start the scheduler."""
        self._start("scheduler", "kube-scheduler", ["--kubeconfig=scheduler.conf", "--leader-elect=false"])

    def down(self) -> None:
        """Stop all of it."""
        for name in PROGRAMS:
            # An API server that is asked nicely drains its watches for a minute.
            self._processes.stop(name, grace=1.0 if name == "apiserver" else 5.0)

    def _start(self, name: str, program: str, arguments: list[str]) -> None:
        argv: Command = [*self._prefix, self._binaries.path(program), *arguments]
        self._processes.start(name, argv, cwd=self._layout.pki)

    def _etcd(self) -> list[str]:
        client = f"http://127.0.0.1:{self._ports.etcd_client}"
        peer = f"http://127.0.0.1:{self._ports.etcd_peer}"
        argv = [f"--data-dir={self._layout.root / 'etcd'}", "--log-level=warn"]
        argv += [f"--quota-backend-bytes={_ETCD_BYTES}"]
        argv += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
        argv += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        # Nobody needs this cluster after a power cut.
        return [*argv, f"--initial-cluster=default={peer}", "--unsafe-no-fsync"]

    def _apiserver(self) -> list[str]:
        services = network.SERVICES_ALONE if self._alone else network.SERVICES
        argv = [f"--etcd-servers=http://127.0.0.1:{self._ports.etcd_client}", f"--secure-port={self._ports.apiserver}"]
        argv += [f"--advertise-address={self._address}", f"--service-cluster-ip-range={services}"]
        argv += ["--client-ca-file=ca.crt", "--tls-cert-file=apiserver.crt", "--tls-private-key-file=apiserver.key"]
        argv += ["--service-account-key-file=sa.pub", "--service-account-signing-key-file=sa.key"]
        argv += ["--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=Node,RBAC"]
        argv += ["--allow-privileged"]
        if self._alone:
            # Nobody makes service accounts here, and the API server refuses to publish a loopback address.
            argv += ["--bind-address=127.0.0.1", "--endpoint-reconciler-type=none"]
            argv += ["--disable-admission-plugins=ServiceAccount"]
        else:
            argv += ["--enable-admission-plugins=NodeRestriction", "--kubelet-certificate-authority=ca.crt"]
            argv += ["--kubelet-client-certificate=admin.crt", "--kubelet-client-key=admin.key"]
            # By name, logs and exec would ask DNS for the node.
            argv += ["--kubelet-preferred-address-types=InternalIP"]
        return argv


def authorize_nodes(kubectl: Kubectl) -> None:
    """Let kubelets do their work."""
    if not kubectl.succeeds("get", "clusterrolebinding", "modelrollout:node"):
        kubectl(
            "create", "clusterrolebinding", "modelrollout:node", "--clusterrole=system:node", "--group=system:nodes"
        )


def answers(kubectl: Kubectl) -> bool:
    """Whether an API server is ready behind the kubeconfig."""
    try:
        kubectl("get", "--raw", "/readyz", "--request-timeout=3s")
    except (shell.CommandError, FileNotFoundError):
        return False
    return True
