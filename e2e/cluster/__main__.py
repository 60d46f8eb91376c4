"""The command line: `python3 -m e2e.cluster up`, and the others that `--help` lists."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster import paths, provider
from e2e.cluster.binaries import Binaries
from e2e.cluster.cluster import CONTROL_PLANE, Cluster, Part
from e2e.cluster.paths import DEFAULT_NAME
from e2e.cluster.progress import Progress

CONTROL_PLANE_NAME = "control-plane"


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python3 -m e2e.cluster", description="A Kubernetes cluster from nothing.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", help=f"the cluster's name (default: {DEFAULT_NAME})")
    common.add_argument("--state", type=Path, help="its directory (default: below $MODELROLLOUT_STATE)")
    common.add_argument("--only", choices=["control-plane"], help="etcd and the API server alone, on loopback")
    commands = top.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", parents=[common], help="bring it up, or complete what is half up")
    up.add_argument("--with-controllers", action="store_true", help="with --only: the controller manager too")
    commands.add_parser("down", parents=[common], help="remove it and everything it made")
    commands.add_parser("status", parents=[common], help="what runs")
    commands.add_parser("kubeconfig", parents=[common], help="print the path of its kubeconfig")
    commands.add_parser(
        "env", parents=[common], help="print lines for a shell: KUBECONFIG, and PATH with kubectl and helm"
    )
    load = commands.add_parser("load", parents=[common], help="make an image known to the node")
    load.add_argument("image", help="the name of an image that was built here, or an archive (*.tar)")
    build = commands.add_parser("build", parents=[common], help="build an image; equal input is built once")
    build.add_argument("image", help="its name")
    build.add_argument("context", type=Path, help="the directory that COPY takes from")
    build.add_argument("--file", type=Path, help="default: Containerfile in the directory")
    build.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    return top


def arguments_of(pairs: Sequence[str]) -> dict[str, str]:
    """Build arguments from `NAME=VALUE`. Raises ValueError for one without a value."""
    for pair in pairs:
        if "=" not in pair:
            raise ValueError(f"--build-arg {pair}: write NAME=VALUE")
    return dict(pair.split("=", 1) for pair in pairs)


def run(options: argparse.Namespace, progress: Progress) -> None:
    """Do what the command line says."""
    command: str = options.command
    if options.only == "control-plane":
        chosen: provider.Provider = Cluster(options.name or CONTROL_PLANE_NAME, options.state, progress)
        said = "a control plane alone"
    else:
        chosen, choice = provider.chosen(progress, options.name or DEFAULT_NAME, options.state)
        said = f"cluster provider: {choice.kind} ({choice.because})"
    if command in {"up", "down", "load", "build"}:
        progress.say(said)
    match command:
        case "up":
            if isinstance(chosen, Cluster) and options.only is not None:
                with_controllers: tuple[Part, ...] = ("controllers",) if options.with_controllers else ()
                chosen.up((*CONTROL_PLANE, *with_controllers))
            else:
                chosen.up()
            progress.say(f"up: export KUBECONFIG={chosen.kubeconfig}")
        case "down":
            chosen.down()
        case "status":
            print("\n".join(chosen.summary()))
        case "kubeconfig":
            print(chosen.kubeconfig)
        case "env":
            print("\n".join(environment(chosen.kubeconfig, Binaries(progress))))
        case "load":
            chosen.load(options.image)
        case _:
            containerfile = options.file if options.file is not None else options.context / "Containerfile"
            chosen.build(options.image, containerfile, options.context, arguments_of(options.build_arg))


def environment(kubeconfig: Path, binaries: Binaries) -> list[str]:
    """Lines for a shell that make kubectl and helm found, and found to talk to the cluster."""
    links = paths.cache_home() / "bin"
    links.mkdir(parents=True, exist_ok=True)
    for program in ("kubectl", "helm"):
        unfinished = links / f".{program}.{os.getpid()}"
        unfinished.symlink_to(binaries.path(program))
        unfinished.rename(links / program)
    return [f"export KUBECONFIG={shlex.quote(str(kubeconfig))}", f"export PATH={shlex.quote(str(links))}:$PATH"]


def main() -> None:
    """Run one command; what goes wrong is said in one message."""
    options = parser().parse_args()
    progress = Progress()
    try:
        run(options, progress)
    except (RuntimeError, ValueError, OSError, subprocess.SubprocessError) as error:
        progress.say(f"failed: {error}")
    except KeyboardInterrupt:
        progress.say("interrupted: run the same again to go on")
    else:
        return
    # A build that is still under way in a thread would hold up a plain exit; it is ended and repeated next time.
    sys.stdout.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
