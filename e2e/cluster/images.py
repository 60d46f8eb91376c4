"""Container images without a registry: built by buildah, kept as archives by what they are made of."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import cache, contexts, debian, machine, paths, shell
from e2e.cluster.cache import key_of
from e2e.cluster.progress import Progress, Task
from e2e.cluster.versions import DEBIAN_SUITE

BASE = "localhost/base:1"
_BASE_PACKAGES = "ca-certificates,python3,python3-venv"
# Nobody reads manuals in a container.
_LEAVE_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
_KEPT_ARCHIVES = 2


class ImageError(RuntimeError):
    """An image is asked for that nobody built."""


@dataclass(frozen=True)
class ImageRecipe:
    """An image of one program: the name, the Containerfile of this package, the program."""

    name: str
    containerfile: str
    program: Path


@dataclass(frozen=True)
class _Order:
    """One build: what buildah is told, and a digest of what it will read."""

    image: str
    containerfile: Path
    context: Path
    arguments: Mapping[str, str]
    content: str


def reference(name: str) -> str:
    """The full name of an image: `digits` and `digits:1` are both `localhost/digits:1`."""
    tagged = name if ":" in name.rsplit("/", 1)[-1] else f"{name}:1"
    return tagged if "/" in tagged else f"localhost/{tagged}"


class Images:
    """Builds images and remembers them, apart from any cluster."""

    def __init__(self, progress: Progress, home: Path | None = None) -> None:
        self._progress = progress
        self._home = home if home is not None else paths.cache_home()

    def archive(self, name: str) -> Path:
        """The archive of the image as it was last built. Raises ImageError."""
        latest = self._latest(reference(name))
        if not latest.exists():
            raise ImageError(f"image {reference(name)} has not been built: run `python3 -m e2e.cluster build NAME DIR`")
        return latest.resolve()

    def build(
        self,
        name: str,
        containerfile: Path,
        context: Path,
        build_args: Mapping[str, str] | None = None,
    ) -> Path:
        """Build an image and return its archive; equal input is built once.

        A Containerfile with `ARG BASE` gets the local base image unless `build_args` names another. `RUN pip install`
        works with this machine's certificates and pip configuration, of which nothing gets into the image.
        Raises shell.CommandError with the end of the build's log, or FileNotFoundError for what COPY does not find.
        """
        text = containerfile.read_text(encoding="utf-8")
        arguments = dict(build_args or {})
        if contexts.declares(text, "BASE"):
            arguments.setdefault("BASE", BASE)
        content = contexts.digest(text, context, arguments)
        return self._built(_Order(reference(name), containerfile, context, arguments, content))

    def build_program(self, recipe: ImageRecipe) -> Path:
        """Build the image of one program that this package made, and return the archive."""
        containerfile = paths.HERE / "containers" / recipe.containerfile
        program = recipe.program.resolve()
        arguments = {"PROGRAM": program.name}
        if contexts.declares(containerfile.read_text(encoding="utf-8"), "BASE"):
            arguments["BASE"] = BASE
        # The directory's name holds the key of the build; reading hundreds of megabytes again would tell no more.
        status = program.stat()
        content = f"{program} {status.st_size} {status.st_mtime_ns}"
        return self._built(_Order(reference(recipe.name), containerfile, program.parent, arguments, content))

    def base(self) -> Path:
        """Build the base image: Debian with Python, certificates and apt."""
        containerfile = paths.HERE / "containers" / "base.Containerfile"
        return self._built(_Order(BASE, containerfile, self._base_files(), {}, ""))

    def _base_files(self) -> Path:
        options = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEAVE_OUT]
        argv = ["--variant=apt", f"--include={_BASE_PACKAGES}", *options, DEBIAN_SUITE]

        def make(directory: Path) -> None:
            with self._progress.task("base image: Debian packages") as task:
                shell.follow(
                    # In a mount namespace of its own nothing stays mounted, however it ends.
                    ["unshare", "--mount", debian.program("mmdebstrap"), *argv, directory / "base.tar"],
                    lambda line: task.at(line[:60]),
                    env={"TMPDIR": str(directory)},
                )

        return cache.made("base-files", {"argv": argv}, make, root=self._home)

    def _built(self, order: "_Order") -> Path:
        recipe = {
            "containerfile": order.containerfile.read_text(encoding="utf-8"),
            "arguments": dict(order.arguments),
            "content": order.content,
            "base": "" if order.image == BASE else str(self._base_files()),
        }
        file = _file_name(order.image)
        archive = self._home / "images" / f"{file}-{key_of(recipe)}.tar"
        with cache.locked(self._home / "locks" / f"image-{file}"):
            if not archive.exists():
                with self._progress.task(f"image {order.image}") as task:
                    self._make(order, archive, task)
            os.utime(archive)
            self._point_to(order.image, archive)
            self._prune(order.image)
        return archive

    def _make(self, order: "_Order", archive: Path, task: Task) -> None:
        archive.parent.mkdir(parents=True, exist_ok=True)
        if order.arguments.get("BASE") == BASE:
            self._have_base()
        scratch_names = f".{_file_name(order.image)}@"
        # Under the image's lock, what is there was left by a run that was killed.
        for leftover in archive.parent.glob(f"{scratch_names}*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=scratch_names, dir=archive.parent) as scratch:
            argv = [*self._buildah(), "build", "--isolation", "chroot", "--layers", "--tag", order.image]
            argv += ["--file", str(order.containerfile)]
            argv += [f"--build-arg={name}={value}" for name, value in order.arguments.items()]
            # Lent to the commands of the build; `--env` would stay in the image.
            argv += [f"--volume={here}:{there}:ro" for here, there in machine.lend(Path(scratch)).items()]
            shell.follow([*argv, order.context], lambda line: task.at(line[:60]))
            unfinished = Path(scratch) / "archive.tar"
            push = [*self._buildah(), "push", order.image, f"docker-archive:{unfinished}:{order.image}"]
            shell.follow(push, lambda _: task.at("writing the archive"))
            unfinished.rename(archive)

    def _have_base(self) -> None:
        """Put the base image into buildah's storage, where it may be missing or be another."""
        archive = self.base()
        note = self._storage / "base"
        with cache.locked(self._home / "locks" / "image-storage-base"):
            if not note.exists() or note.read_text() != archive.name:
                shell.follow([*self._buildah(), "pull", f"docker-archive:{archive}"], lambda _: None)
                note.write_text(archive.name)

    @property
    def _storage(self) -> Path:
        return self._home / "buildah"

    def _buildah(self) -> list[str]:
        """buildah with a storage of its own, in a mount namespace of its own: what it mounts ends with it."""
        self._storage.mkdir(parents=True, exist_ok=True)
        places = ["--root", str(self._storage / "root"), "--runroot", str(self._storage / "run")]
        return ["unshare", "--mount", str(debian.program("buildah")), *places, "--storage-driver", "overlay"]

    def _latest(self, image: str) -> Path:
        return self._home / "images" / f"{_file_name(image)}.latest"

    def _point_to(self, image: str, archive: Path) -> None:
        unfinished = self._latest(image).with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        unfinished.symlink_to(archive.name)
        unfinished.rename(self._latest(image))

    def _prune(self, image: str) -> None:
        archives = list((self._home / "images").glob(f"{_file_name(image)}-{'[0-9a-f]' * 12}.tar"))
        for old in sorted(archives, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT_ARCHIVES:]:
            old.unlink()


def _file_name(image: str) -> str:
    return image.replace("/", "_").replace(":", "_")
