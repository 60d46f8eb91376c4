from dataclasses import asdict, replace

import pytest

from e2e.cluster import golang
from e2e.cluster.binaries import GO_BUILDS, KUBERNETES_BUILD
from e2e.cluster.cache import key_of

pytestmark = pytest.mark.unit

UPSTREAM = """\
module k8s.io/kubernetes

go 1.24.0

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
\tk8s.io/sample-controller => ./staging/src/k8s.io/sample-controller
)
"""


def test_staged_modules_are_replaced_by_their_published_versions() -> None:
    build = replace(KUBERNETES_BUILD, version="1.34.4", packages=("k8s.io/kubernetes/cmd/kubelet",))
    assert golang.go_mod(build, UPSTREAM).splitlines() == [
        "module cluster",
        "",
        "go 1.24.0",
        "",
        "require k8s.io/kubernetes v1.34.4",
        "",
        "tool k8s.io/kubernetes/cmd/kubelet",
        "",
        "replace k8s.io/api => k8s.io/api v0.34.4",
    ]


def test_programs_are_called_what_the_cluster_calls_them() -> None:
    assert KUBERNETES_BUILD.programs == (
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
    )


@pytest.mark.parametrize("change", [{"version": "1.34.5"}, {"tags": ("x",)}, {"stamps": {}}])
def test_another_version_or_flag_is_another_build(change: dict[str, object]) -> None:
    other = replace(KUBERNETES_BUILD, **change)  # type: ignore[arg-type]
    assert key_of(asdict(other)) != key_of(asdict(KUBERNETES_BUILD))


def test_each_program_comes_from_one_build() -> None:
    programs = [program for build in GO_BUILDS for program in build.programs]
    assert len(programs) == len(set(programs))


@pytest.mark.parametrize(
    ("said", "expected"), [("go1.26.8", (1, 26)), ("go1.9", (1, 9)), ("go1.27rc1", (1, 27)), ("devel", (0, 0))]
)
def test_go_versions_are_compared_as_numbers(said: str, expected: tuple[int, int]) -> None:
    assert golang.version(said) == expected
