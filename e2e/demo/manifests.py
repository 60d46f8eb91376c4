"""What the demo applies: the examples' own manifests, filled in."""

import json
import string

import yaml

from e2e.demo.settings import HOST, NAMESPACE, ROOT, Settings

DIGITS = ROOT / "examples" / "digits"
LIVE_STAGES = ("canary", "ramp", "full")
DIGITS_IMAGE = "localhost/digits:1"
OPERATOR_IMAGE = "localhost/modelrollout:1"


def rollout(version: str, image: str) -> str:
    """The ModelRollout of the examples with another version of the model.

    The error rate is judged with live traffic only: in the shadow stage it would find v5 before any user met it, and
    the demo is to show a rollback under live traffic too.
    """
    document = yaml.safe_load((DIGITS / "manifests" / "rollout.yaml").read_text(encoding="utf-8"))
    spec = document["spec"]
    spec["model"]["version"] = version
    container = spec["workload"]["deployment"]["template"]["spec"]["containers"][0]
    container["image"] = image
    container["env"] = [{"name": "MODEL_VERSION", "value": version}]
    for metric in spec["metrics"]:
        if metric["name"] == "error-rate":
            metric["stages"] = list(LIVE_STAGES)
    return json.dumps(document)


def gateway(gateway_class: str) -> str:
    """The Gateway of the examples, of the given class."""
    document = yaml.safe_load((DIGITS / "manifests" / "gateway.yaml").read_text(encoding="utf-8"))
    document["spec"]["gatewayClassName"] = gateway_class
    return json.dumps(document)


def load(url: str, image: str, settings: Settings) -> str:
    """The load client's pod, which sends to the gateway at `url`."""
    text = (DIGITS / "manifests" / "load.yaml").read_text(encoding="utf-8")
    return string.Template(text).substitute(
        IMAGE=image, URL=url, HOST=HOST, RATE=settings.rate, DURATION=settings.load_seconds, TIMEOUT=2
    )


def values(image: str, built_from: str, settings: Settings) -> str:
    """Values of the operator's chart; `built_from` is a digest of the image's input.

    It stands in the pod, so that an image that was built again under the same name is also started again.
    """
    repository, _, tag = image.rpartition(":")
    return json.dumps(
        {
            "image": {"repository": repository, "tag": tag},
            # On a small machine the models need the room more than an operator that stands by.
            "replicas": 1,
            "podAnnotations": {"modelrollout.io/built-from": built_from},
            "prometheus": {"url": settings.prometheus, "scrapeInterval": "1s", "scrapeTimeout": "900ms"},
            "log": {"format": "console"},
            # Whatever else runs in the cluster is left alone.
            "watch": {"namespaces": [NAMESPACE]},
        }
    )
