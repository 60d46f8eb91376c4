from pathlib import Path

import pytest

from e2e.cluster import machine

pytestmark = pytest.mark.unit

LISTING = """\
:env:.find-links='/srv/wheels /srv/more'
:env:.require-virtualenv='true'
global.index-url='https://index.example/simple'
global.find-links='/elsewhere'
install.default-timeout='60'
"""


def test_the_environment_wins_and_what_another_root_cannot_use_is_left_out() -> None:
    assert machine.pip_options(LISTING) == {
        "find-links": "/srv/wheels /srv/more",
        "index-url": "https://index.example/simple",
        "timeout": "60",
    }


def test_the_configuration_names_authorities_and_splits_lists() -> None:
    options = {"find-links": "/srv/wheels /srv/more"}
    assert machine.pip_conf(options, Path("/etc/ssl/bundle.pem")).splitlines() == [
        "[global]",
        "disable-pip-version-check = true",
        "cert = /etc/ssl/bundle.pem",
        "find-links =",
        "    /srv/wheels",
        "    /srv/more",
    ]


def test_without_anything_special_nothing_special_is_said() -> None:
    assert machine.pip_conf(machine.pip_options(""), None).splitlines() == [
        "[global]",
        "disable-pip-version-check = true",
    ]
