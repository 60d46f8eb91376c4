"""Images on a machine that has a Docker engine."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from e2e.cluster import contexts, paths, shell
from e2e.cluster.images import BASE, reference
from e2e.cluster.progress import Progress
from e2e.cluster.shell import Command


def answers() -> bool:
    """Whether there is an engine, not only a client."""
    return shutil.which("docker") is not None and shell.succeeds(["docker", "version", "--format={{.Server.Version}}"])


def build(
    name: str, containerfile: Path, context: Path, build_args: Mapping[str, str] | None, progress: Progress
) -> None:
    """Build an image; Docker's own cache makes the second time quick. `ARG BASE` gets the base image, as elsewhere."""
    arguments = dict(build_args or {})
    if contexts.declares(containerfile.read_text(encoding="utf-8"), "BASE") and "BASE" not in arguments:
        arguments["BASE"] = BASE
        _build(BASE, paths.HERE / "containers" / "docker-base.Containerfile", paths.HERE / "containers", {}, progress)
    _build(reference(name), containerfile, context, arguments, progress)


def _build(image: str, containerfile: Path, context: Path, arguments: Mapping[str, str], progress: Progress) -> None:
    argv: Command = ["docker", "build", "--tag", image, "--file", containerfile]
    argv += [f"--build-arg={name}={value}" for name, value in arguments.items()]
    with progress.task(f"image {image}") as task:
        shell.follow([*argv, context], lambda line: task.at(line[:60]))
