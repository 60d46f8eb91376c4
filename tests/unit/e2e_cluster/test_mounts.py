from pathlib import Path

import pytest

from e2e.cluster import mounts

pytestmark = pytest.mark.unit

TABLE = """\
proc /proc proc rw 0 0
/dev/vda / ext4 rw 0 0
tmpfs /var/lib/state/pods/a/token tmpfs rw 0 0
overlay /var/lib/state/rootfs overlay rw,lowerdir=/var/lib/state/l 0 0
nsfs /var/lib/state/netns nsfs rw 0 0
tmpfs /var/lib/state/with\\040blank tmpfs rw 0 0
tmpfs /var/lib/state tmpfs rw 0 0
tmpfs /var/lib/state-of-somebody-else tmpfs rw 0 0
tmpfs /srv/var/lib/state/x tmpfs rw 0 0
tmpfs /var/lib/state/rootfs/proc tmpfs rw 0 0
"""


def test_what_is_in_or_at_the_directory_is_selected_innermost_first() -> None:
    found = [str(point) for point in mounts.below(TABLE, Path("/var/lib/state"))]
    assert found == [
        "/var/lib/state/pods/a/token",
        "/var/lib/state/rootfs/proc",
        "/var/lib/state/rootfs",
        "/var/lib/state/netns",
        "/var/lib/state/with blank",
        "/var/lib/state",
    ]


@pytest.mark.parametrize("directory", ["/", "", ".", "var/lib/state", "/nowhere", "/var/lib/stat"])
def test_a_directory_that_is_the_root_or_relative_or_unknown_selects_nothing(directory: str) -> None:
    assert mounts.below(TABLE, Path(directory)) == []


def test_a_mount_over_a_mount_is_selected_twice() -> None:
    twice = "a /state/x tmpfs rw 0 0\nb /state/x tmpfs rw 0 0\n"
    assert mounts.below(twice, Path("/state")) == [Path("/state/x"), Path("/state/x")]


def test_lines_that_are_no_mounts_are_passed_over() -> None:
    assert mounts.below("\nnonsense\n", Path("/state")) == []


def test_the_table_of_this_machine_has_proc() -> None:
    assert mounts.is_mounted(Path("/proc"))
    assert not mounts.is_mounted(Path("/proc/self"))
