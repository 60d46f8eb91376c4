"""What a cluster needs, made in the background: Go builds in one lane, downloads and images in another beside it.

Go keeps every processor busy by itself, so its builds go one after the other, in the order in which the cluster needs
them; the other lane waits for networks and disks.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from e2e.cluster import debian
from e2e.cluster.binaries import Binaries
from e2e.cluster.images import ImageRecipe, Images
from e2e.cluster.progress import Progress

NODE_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "etcd")
ADDON_PROGRAMS = ("coredns", "prometheus", "envoy-gateway", "helm")


class Making:
    """Starts everything at once; each result is waited for when it is asked for. To be used as a context manager."""

    def __init__(self, binaries: Binaries, images: Images, programs: Sequence[str], progress: Progress) -> None:
        self._binaries = binaries
        self._images = images
        self._programs = programs
        self._progress = progress
        self._go = ThreadPoolExecutor(max_workers=1, thread_name_prefix="go")
        self._beside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="beside")
        self._futures: dict[str, Future[Path]] = {}
        self._installed: Future[None] | None = None

    def __enter__(self) -> Self:
        debian.install(debian.FIRST, self._progress)
        self._installed = self._beside.submit(debian.install, debian.NODE, self._progress)
        for program in self._programs:
            self._futures[program] = self._go.submit(self._binaries.path, program)
        self._futures["kubectl"] = self._beside.submit(self._binaries.path, "kubectl")
        self._image_beside("pause", lambda: self._images.build_program(self._recipe("pause")))
        if set(ADDON_PROGRAMS) <= set(self._programs):
            self._image_beside("base", self._images.base)
            self._image_beside("envoy", lambda: self._images.build_program(self._recipe("envoy")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for pool in (self._go, self._beside):
            pool.shutdown(wait=error is None, cancel_futures=True)

    def packages(self) -> None:
        """Wait until the Debian packages are there. Raises what went wrong with them, as the others here do."""
        if self._installed is not None:
            self._installed.result()

    def programs(self, *names: str) -> None:
        """Wait until these programs are there."""
        for name in names:
            self._futures[name].result()

    def image(self, name: str) -> Path:
        """The archive of an image."""
        known = self._futures.get(f"image {name}")
        if known is not None:
            return known.result()
        self.packages()
        self.programs(name)
        return self._images.build_program(self._recipe(name))

    def _image_beside(self, name: str, make: Callable[[], Path]) -> None:
        self._futures[f"image {name}"] = self._beside.submit(make)

    def _recipe(self, name: str) -> ImageRecipe:
        match name:
            case "pause":
                return ImageRecipe(name, "pause.Containerfile", debian.program("catatonit"))
            case "envoy" | "envoy-gateway":
                return ImageRecipe(name, "on-base.Containerfile", self._binaries.path(name))
            case _:
                return ImageRecipe(name, "program.Containerfile", self._binaries.path(name))
