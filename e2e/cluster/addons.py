"""What users' clusters have and a bare one lacks: cluster DNS, a Gateway API implementation, Prometheus."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import network, shell, templates
from e2e.cluster.binaries import Binaries
from e2e.cluster.cache import key_of
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.progress import Progress
from e2e.cluster.shell import Command

GATEWAY_NAMESPACE = "envoy-gateway-system"
MONITORING_NAMESPACE = "monitoring"
_RELEASE = "eg"
GATEWAY_CRDS = Path("charts") / "crds" / "crds" / "gatewayapi-crds.yaml"


@dataclass(frozen=True)
class AddonImages:
    """The images that the add-ons run."""

    coredns: str
    envoy_gateway: str
    envoy: str
    prometheus: str


LOCAL_IMAGES = AddonImages(
    coredns="localhost/coredns:1",
    envoy_gateway="localhost/envoy-gateway:1",
    envoy="localhost/envoy:1",
    prometheus="localhost/prometheus:1",
)


class Addons:
    """Installs add-ons into the cluster behind a kubeconfig, once for each content: `done` remembers them."""

    def __init__(
        self, kubectl: Kubectl, binaries: Binaries, images: AddonImages, done: Path, progress: Progress
    ) -> None:
        self._kubectl = kubectl
        self._binaries = binaries
        self._images = images
        self._done = done
        self._progress = progress

    def gateway_api(self) -> None:
        """Install the resource definitions of the Gateway API alone, as Envoy Gateway's chart has them."""
        definitions = self._binaries.gateway_chart() / GATEWAY_CRDS
        there = self._kubectl.succeeds("get", "customresourcedefinition", "httproutes.gateway.networking.k8s.io")
        if there and self._is_done("gateway-api", str(definitions)):
            return
        with self._progress.task("Gateway API definitions"):
            self._kubectl("apply", "--server-side", "--force-conflicts", "--filename", str(definitions))
            self._kubectl("wait", "--for=condition=Established", "--timeout=30s", "--filename", str(definitions))
        self._remember("gateway-api", str(definitions))

    def coredns(self) -> None:
        """Install cluster DNS and wait until it answers."""
        manifests = templates.render("manifests/coredns.yaml", image=self._images.coredns, address=network.DNS_SERVICE)
        with self._progress.task("CoreDNS"):
            self._kubectl.apply(manifests)
            self._kubectl.rolled_out("coredns", namespace="kube-system", seconds=90)

    def envoy_gateway(self) -> None:
        """Install Envoy Gateway and the GatewayClass `eg`, and wait until it is accepted."""
        chart = self._binaries.gateway_chart()
        with self._progress.task("Envoy Gateway"):
            content = f"{chart} {self._images}"
            there = self._kubectl.succeeds("get", "deployment", "envoy-gateway", "--namespace", GATEWAY_NAMESPACE)
            if not there or not self._is_done("envoy-gateway", content):
                self._install_chart(chart)
                self._remember("envoy-gateway", content)
            self._kubectl.apply(templates.render("manifests/gateway-class.yaml", image=self._images.envoy))
            self._kubectl.rolled_out("envoy-gateway", namespace=GATEWAY_NAMESPACE, seconds=120)
            self._kubectl("wait", "--for=condition=Accepted", "gatewayclass/eg", "--timeout=60s")

    def prometheus(self, data: str) -> None:
        """Install Prometheus, with its history in the directory `data` of the node, and wait until it is ready."""
        manifests = templates.render("manifests/prometheus.yaml", image=self._images.prometheus, data=data)
        with self._progress.task("Prometheus"):
            self._kubectl.apply(manifests)
            self._kubectl.rolled_out("prometheus", namespace=MONITORING_NAMESPACE, seconds=90)

    def _install_chart(self, chart: Path) -> None:
        self._clear_half_installed()
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / "chart"
            # Modules are read-only, and the chart in them is a template that upstream fills in at its releases.
            shutil.copytree(chart, copy, copy_function=shutil.copyfile)
            for folder in (copy, *(path for path in copy.rglob("*") if path.is_dir())):
                folder.chmod(0o755)
            (copy / "Chart.lock").unlink(missing_ok=True)
            values = (copy / "values.tmpl.yaml").read_text(encoding="utf-8")
            filled = values.replace("${GatewayImage}", self._images.envoy_gateway)
            (copy / "values.yaml").write_text(
                filled.replace("${GatewayImagePullPolicy}", "IfNotPresent"), encoding="utf-8"
            )
            argv: Command = [*self._helm("upgrade"), "--install", _RELEASE, copy]
            argv += ["--create-namespace", "--wait", "--timeout", "180s"]
            argv += ["--set", f"global.images.envoyGateway.image={self._images.envoy_gateway}"]
            argv += ["--set", f"global.images.envoyProxy.image={self._images.envoy}"]
            shell.run(argv, env=self._kubectl.environment)

    def _helm(self, command: str) -> Command:
        return [self._binaries.path("helm"), command, "--namespace", GATEWAY_NAMESPACE]

    def _clear_half_installed(self) -> None:
        """Helm refuses to touch a release of which another run, killed since, says that it is being installed."""
        listing = [*self._helm("list"), "--pending", "--short", "--filter", f"^{_RELEASE}$"]
        if shell.run(listing, env=self._kubectl.environment).strip():
            shell.run([*self._helm("uninstall"), _RELEASE, "--wait"], env=self._kubectl.environment)

    def _is_done(self, name: str, content: str) -> bool:
        note = self._done / name
        return note.exists() and note.read_text() == key_of({"content": content})

    def _remember(self, name: str, content: str) -> None:
        self._done.mkdir(parents=True, exist_ok=True)
        (self._done / name).write_text(key_of({"content": content}))
