"""What is behind a Service of the user's: which pods, told apart so that a new deployment shows and a restart does not.

See docs/design/0008-services.md. A group is what one text stands for: all pods of a ReplicaSet, whose name changes with
any change of its template and with nothing else; or one pod of any other kind, whose name says nothing, by its UID.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

REPLICA_SET: Final = re.compile(r"(?P<name>.+-[bcdf-hj-np-tv-xz2456789]{8,10})-[bcdf-hj-np-tv-xz2456789]{5}")
"""Name of a ReplicaSet's pod: letters that Kubernetes makes names of, and as many as its hashes nearly always have."""
OF_REPLICA_SET: Final = "-*"
BEFORE_UID: Final = "@"
UID_LENGTH: Final = 8


@dataclass(frozen=True, slots=True)
class Behind:
    """The endpoints of a Service.

    Attributes:
        ready: groups of which at least one endpoint is ready.
        all: all groups that have any endpoint, also one that is about to go.
        endpoints: how many there are, ready or not, but for those that are about to go.
    """

    ready: frozenset[str]
    all: frozenset[str]
    endpoints: int

    @property
    def is_one_deployment(self) -> bool:
        """Whether nobody is deploying at this moment: every group that is there is ready."""
        return self.ready == self.all


def group_of(name: str, uid: str | None) -> str:
    """The group of an endpoint.

    Args:
        name: of its pod, else its address.
        uid: of its pod; None where it is none.
    """
    if uid is None:
        return name
    made = REPLICA_SET.fullmatch(name)
    return f"{name}{BEFORE_UID}{uid[:UID_LENGTH]}" if made is None else made["name"] + OF_REPLICA_SET


def has_changed(known: Iterable[str], now: Behind) -> bool:
    """Whether other pods answer than those that are known.

    New pods show as soon as one is ready. Of pods that go only whole ReplicaSets count: a single pod that goes leaves
    nobody behind that was not known. Where none is ready nothing answers, and nothing is known.
    """
    before = frozenset(known)
    if not now.ready or not before:
        return False
    gone = (group for group in before - now.all if group.endswith(OF_REPLICA_SET))
    return bool(now.ready - before) or any(gone)


def pattern_of(groups: Iterable[str]) -> tuple[str, str]:
    """How series tell these groups: the kind of label, `pod` or `instance`, and a regular expression of its values.

    Addresses are told by `instance`, as Prometheus names what it scrapes, and only where no pod is among them.
    """
    listed = sorted(groups)
    pods = [_literal(group[: -len(OF_REPLICA_SET)]) + "-[a-z0-9]{5}" for group in listed if group.endswith("-*")]
    pods += [_literal(group.partition(BEFORE_UID)[0]) for group in listed if BEFORE_UID in group]
    if pods:
        return "pod", "|".join(pods)
    return "instance", "|".join(f"{_literal(address)}(:[0-9]+)?" for address in listed)


def _literal(text: str) -> str:
    # Without a backslash, which would have to be escaped once more in PromQL.
    return text.replace(".", "[.]")
