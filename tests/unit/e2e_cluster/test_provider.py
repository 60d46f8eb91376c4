import pytest

from e2e.cluster.provider import ChoiceError, Kind, choose

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("environ", "docker", "expected"),
    [
        ({}, False, Kind.LOCAL),
        ({}, True, Kind.KIND),
        ({"CLUSTER": "local"}, True, Kind.LOCAL),
        ({"CLUSTER": "kind"}, True, Kind.KIND),
        ({"CLUSTER": "current", "KUBECONFIG": "/k"}, True, Kind.CURRENT),
        ({"KUBECONFIG": "/k"}, False, Kind.LOCAL),
    ],
    ids=["nothing", "docker", "local wins", "kind wished", "current wished", "a kubeconfig alone is no wish"],
)
def test_the_wish_comes_first_then_docker(environ: dict[str, str], docker: bool, expected: Kind) -> None:  # noqa: FBT001
    assert choose(environ, docker_answers=docker).kind is expected


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"CLUSTER": "minikube"}, "use one of current, kind, local"),
        ({"CLUSTER": "current"}, "set KUBECONFIG"),
        ({"CLUSTER": "kind"}, "no Docker engine answers"),
    ],
)
def test_a_wish_that_cannot_be_met_names_the_remedy(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ChoiceError, match=message):
        choose(environ, docker_answers=False)


def test_the_choice_says_why() -> None:
    assert choose({}, docker_answers=False).because == "no Docker engine answers"
    assert choose({"CLUSTER": "local"}, docker_answers=True).because == "CLUSTER=local"
