import pytest

from e2e.cluster import network
from e2e.cluster.network import Link

pytestmark = pytest.mark.unit

TAKEN = """\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
7: modelrol-1234    inet 198.18.0.1/30 scope global modelrol-1234\\       valid_lft forever
"""


def test_the_first_cluster_gets_the_first_pair() -> None:
    link = network.free_link("modelrollout", "1: lo    inet 127.0.0.1/8 scope host lo")
    assert link == Link(network.link_name("modelrollout"), "198.18.0.1", "198.18.0.2")


def test_the_second_cluster_gets_the_next_pair() -> None:
    link = network.free_link("second", TAKEN)
    assert (link.host, link.node) == ("198.18.0.5", "198.18.0.6")


def test_when_all_are_taken_the_remedy_is_named() -> None:
    everything = " ".join(f"inet 198.18.0.{last}/30" for last in range(256))
    with pytest.raises(RuntimeError, match="take some clusters down"):
        network.free_link("one-more", everything)


def test_names_of_links_fit_and_differ_even_where_clusters_begin_alike() -> None:
    one, other = network.link_name("modelrollout-one"), network.link_name("modelrollout-two")
    assert one != other
    assert max(len(one), len(other)) <= 15
