from pathlib import Path

import pytest
import yaml

from e2e.cluster import paths, templates

pytestmark = pytest.mark.unit

VALUES = {
    "state": "/state",
    "cgroup": "group",
    "dns": "198.19.128.10",
    "pods": "198.19.0.0/17",
    "node": "node",
    "image": "localhost/x:1",
    "address": "198.19.128.10",
    "data": "/state/prometheus",
}
FILES = sorted(
    str(file.relative_to(paths.HERE)) for folder in ("config", "manifests") for file in (paths.HERE / folder).iterdir()
)


@pytest.mark.parametrize("file", FILES)
def test_every_file_is_filled_in_completely(file: str) -> None:
    assert "@{" not in templates.render(file, **VALUES)


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match="data"):
        templates.render("manifests/prometheus.yaml", image="localhost/x:1")


def test_dollars_are_left_to_prometheus() -> None:
    documents = list(yaml.safe_load_all(templates.render("manifests/prometheus.yaml", **VALUES)))
    (configuration,) = (document for document in documents if document["kind"] == "ConfigMap")
    (job,) = yaml.safe_load(configuration["data"]["prometheus.yml"])["scrape_configs"]
    assert "$1:$2" in [rule.get("replacement") for rule in job["relabel_configs"]]


def test_a_file_that_says_the_same_already_is_left_alone(tmp_path: Path) -> None:
    first = templates.place("config/kube-proxy.yaml", tmp_path, **VALUES)
    written = first.stat().st_mtime_ns
    assert templates.place("config/kube-proxy.yaml", tmp_path, **VALUES).stat().st_mtime_ns == written
    templates.place("config/kube-proxy.yaml", tmp_path, **{**VALUES, "node": "other"})
    assert 'hostnameOverride: "other"' in first.read_text()
