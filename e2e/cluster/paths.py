"""Where things are kept: builds in a cache that outlives clusters, and one directory with the state of each cluster."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

DEFAULT_NAME = "modelrollout"
HERE = Path(__file__).resolve().parent
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
# Linux keeps 108 bytes for the path of a Unix socket; the longest one below the state directory needs 20.
_LONGEST_STATE = 85


def cache_home() -> Path:
    """`$XDG_CACHE_HOME/modelrollout`, by default `~/.cache/modelrollout`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelrollout"


def state_home() -> Path:
    """`$MODELROLLOUT_STATE`; else `/var/lib/modelrollout` for root and the XDG state directory for anyone else."""
    if named := os.environ.get("MODELROLLOUT_STATE"):
        return Path(named).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/modelrollout")
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "modelrollout"


@dataclass(frozen=True)
class Layout:
    """The files of one cluster, all below `root`."""

    name: str
    root: Path

    @classmethod
    def of(cls, name: str, state: Path | None = None) -> "Layout":
        """The layout of the cluster `name`; `state` replaces the default place.

        Raises ValueError for a name or a place that the kernel would refuse later, in less clear words.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"cluster name {name!r}: use up to 40 of a-z, 0-9 and '-', starting and ending with a letter"
            )
        root = (state if state is not None else state_home() / name).absolute()
        if root == Path("/") or len(root.parts) < 3:
            raise ValueError(f"state directory {root}: name a directory at least two levels deep")
        if len(str(root)) > _LONGEST_STATE:
            raise ValueError(
                f"state directory {root}: too long for the sockets in it, keep it within {_LONGEST_STATE} bytes"
            )
        return cls(name, root)

    @property
    def identity(self) -> Path:
        """What marks a directory as a cluster's state: written first, removed last."""
        return self.root / "identity.json"

    @property
    def lock(self) -> Path:
        """Beside the state, so that it survives the state's removal."""
        return self.root.with_name(f".{self.root.name}.lock")

    @property
    def kubeconfig(self) -> Path:
        return self.pki / "admin.conf"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def pids(self) -> Path:
        return self.root / "pids"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def config(self) -> Path:
        return self.root / "config"

    @property
    def netns(self) -> Path:
        return self.root / "netns"

    @property
    def containerd_socket(self) -> Path:
        return self.root / "containerd.sock"

    @property
    def done(self) -> Path:
        """Notes on what was installed into the cluster: one file each, holding the key of what it was made of."""
        return self.root / "done"
