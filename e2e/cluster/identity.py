"""What marks a directory as a cluster's state: written before anything is made, removed after everything."""

import json
from dataclasses import asdict, dataclass

from e2e.cluster.control_plane import Ports
from e2e.cluster.network import Link
from e2e.cluster.paths import Layout


@dataclass(frozen=True)
class ClusterIdentity:
    """What `down` must know, even after a crash: nothing is made that is not written here first."""

    name: str
    ports: Ports
    link: Link | None
    """None for a control plane alone, which lives on loopback."""

    @property
    def cgroup(self) -> str:
        return self.name


class StateError(RuntimeError):
    """A state directory is not what it should be."""


def read(layout: Layout) -> ClusterIdentity | None:
    """The identity in the state directory; None where there is none. Raises StateError for one that cannot be read."""
    try:
        text = layout.identity.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        parsed = json.loads(text)
        link = None if parsed["link"] is None else Link(**parsed["link"])
        return ClusterIdentity(parsed["name"], Ports(**parsed["ports"]), link)
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(f"{layout.identity} is damaged ({error}): see what it is, then remove it by hand") from error


def write(layout: Layout, identity: ClusterIdentity) -> None:
    """Put the identity into the state directory, whole."""
    layout.root.mkdir(parents=True, exist_ok=True)
    layout.root.chmod(0o755)
    unfinished = layout.identity.with_suffix(".new")
    unfinished.write_text(json.dumps(asdict(identity), indent=1), encoding="utf-8")
    unfinished.rename(layout.identity)
