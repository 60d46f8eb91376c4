from pathlib import Path

import pytest

from e2e.cluster import __main__ as command_line
from e2e.cluster import images
from e2e.cluster.progress import Progress

pytestmark = pytest.mark.unit


def test_build_arguments_may_contain_equals_signs() -> None:
    assert command_line.arguments_of(["A=1", "B=x=y"]) == {"A": "1", "B": "x=y"}


def test_a_build_argument_without_a_value_is_refused() -> None:
    with pytest.raises(ValueError, match="write NAME=VALUE"):
        command_line.arguments_of(["A"])


def test_a_control_plane_alone_can_be_asked_for() -> None:
    options = command_line.parser().parse_args(["up", "--only", "control-plane", "--state", "/tmp/x"])
    assert (options.only, options.state, options.with_controllers) == ("control-plane", Path("/tmp/x"), False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits", "localhost/digits:1"),
        ("digits:2", "localhost/digits:2"),
        ("localhost/digits", "localhost/digits:1"),
        ("registry.example:5000/digits", "registry.example:5000/digits:1"),
    ],
)
def test_images_have_full_names(name: str, expected: str) -> None:
    assert images.reference(name) == expected


def test_an_image_that_nobody_built_is_an_error_that_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(images.ImageError, match=r"localhost/digits:1 has not been built: run"):
        images.Images(Progress(), tmp_path).archive("digits")
