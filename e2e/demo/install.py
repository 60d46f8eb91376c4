"""From nothing to a cluster with the operator, a Gateway and an empty namespace `demo`."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import contexts, provider, shell
from e2e.cluster.binaries import Binaries
from e2e.cluster.kubectl import Kubectl
from e2e.cluster.progress import Progress
from e2e.demo import manifests
from e2e.demo.settings import NAMESPACE, OPERATOR, OPERATOR_NAMESPACE, ROOT, Settings

_CHART = ROOT / "charts" / "modelrollout"
_CONTAINERFILE = ROOT / "Containerfile"


class ImagesError(RuntimeError):
    """The cluster cannot get at images that are built here."""


@dataclass(frozen=True)
class Ready:
    """A cluster on which the story can be told: kubectl for it, and the image of the model."""

    kubectl: Kubectl
    digits_image: str


def install(settings: Settings, progress: Progress) -> Ready:
    """Bring up what is not up yet. Raises RuntimeError or OSError with what went wrong and the end of its log."""
    cluster, choice = provider.chosen(progress)
    progress.say(f"cluster: {choice.kind} ({choice.because})")
    if choice.kind is provider.Kind.CURRENT and not (settings.operator_image and settings.digits_image):
        raise ImagesError(
            "CLUSTER=current: only a registry brings images there; push those of Containerfile and "
            "examples/digits/Containerfile to yours, and name them in OPERATOR_IMAGE and DIGITS_IMAGE"
        )
    binaries = Binaries(progress)
    images = ThreadPoolExecutor(max_workers=1, thread_name_prefix="images")
    try:
        # The images need networks and disks, the cluster's own programs need processors: side by side.
        built = images.submit(_build, cluster, settings)
        cluster.up()
        kubectl = Kubectl(binaries.path("kubectl"), cluster.kubeconfig)
        # What an earlier run left goes while the images are made.
        kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")
        _load(cluster, built, settings, progress)
    except BaseException:
        images.shutdown(wait=False, cancel_futures=True)
        raise
    images.shutdown()
    with progress.task("namespace and Gateway"):
        _stage(kubectl, settings)
    with progress.task("operator, by helm"):
        _operator(binaries.path("helm"), kubectl, settings)
    return Ready(kubectl, settings.digits_image or manifests.DIGITS_IMAGE)


def _build(cluster: provider.Provider, settings: Settings) -> None:
    if settings.digits_image is None:
        cluster.build(manifests.DIGITS_IMAGE, manifests.DIGITS / "Containerfile", manifests.DIGITS)
    if settings.operator_image is None:
        cluster.build(manifests.OPERATOR_IMAGE, _CONTAINERFILE, ROOT)


def _load(cluster: provider.Provider, built: Future[None], settings: Settings, progress: Progress) -> None:
    with progress.task("images of the operator and of the model"):
        built.result()
        if settings.digits_image is None:
            cluster.load(manifests.DIGITS_IMAGE)
        if settings.operator_image is None:
            cluster.load(manifests.OPERATOR_IMAGE)


def _operator(helm: Path, kubectl: Kubectl, settings: Settings) -> None:
    def run(*arguments: str, stdin: str | None = None) -> str:
        return shell.run([helm, *arguments, "--namespace", OPERATOR_NAMESPACE], env=kubectl.environment, stdin=stdin)

    _clear_half_installed(run)
    image = settings.operator_image or manifests.OPERATOR_IMAGE
    built_from = contexts.digest(_CONTAINERFILE.read_text(encoding="utf-8"), ROOT, {})[:16]
    upgrade = ["upgrade", "--install", OPERATOR, str(_CHART), "--create-namespace", "--values", "-"]
    # The definition of the resource may be there without Helm, or from a release that is gone.
    upgrade += ["--take-ownership", "--wait", "--timeout", "120s"]
    run(*upgrade, stdin=manifests.values(image, built_from, settings))


def _clear_half_installed(run: Callable[..., str]) -> None:
    """Helm refuses to touch a release that a killed run was installing."""
    if run("list", "--pending", "--short", "--filter", f"^{OPERATOR}$").strip():
        run("uninstall", OPERATOR, "--wait")


def _stage(kubectl: Kubectl, settings: Settings) -> None:
    """An empty namespace with a Gateway."""
    kubectl("wait", f"namespace/{NAMESPACE}", "--for=delete", "--timeout=90s")
    kubectl("create", "namespace", NAMESPACE)
    kubectl("--namespace", NAMESPACE, "apply", "--filename", "-", stdin=manifests.gateway(settings.gateway_class))
    kubectl("--namespace", NAMESPACE, "wait", "gateway/gateway", "--for=condition=Programmed", "--timeout=90s")
