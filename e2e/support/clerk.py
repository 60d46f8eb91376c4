"""A service that is no model: it answers as a queue for people would, and tells what it was asked.

It speaks the protocol of the digits server, counts as it does, and echoes the role that a request carried. It runs in
the image of the digits server, which has a Python.
"""

from __future__ import annotations

import re

from e2e.support.kube import POD
from e2e.support.platform import DIGITS_IMAGE
from e2e.support.scenario import Scenario
from e2e.support.waiting import until

QUEUE = "queue"
ROLE = "x-modelrollout-role"
SEEN = "x-role-seen"
"""On each answer: the role that its request carried, or `none`."""
SELECTOR = 'pod=~"queue-.*"'
FALLBACK = {"service": {"name": QUEUE, "port": 8080}, "selector": SELECTOR}

SCRIPT = r"""
import http.server, itertools, json, os, socketserver, threading
version, lock = os.environ["MODEL_VERSION"], threading.Lock()
digits, codes, labels, roles = itertools.cycle(range(10)), {"200": 0, "500": 0}, dict.fromkeys(range(10), 0), {}

class Clerk(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize, disable_nagle_algorithm = "HTTP/1.1", -1, True

    def answer(self, body, kind="application/json", **headers):
        data = body.encode()
        self.send_response(200)
        for name, value in {"content-type": kind, "content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        rows = [f'model_http_requests_total{{code="{code}"}} {count}' for code, count in codes.items()]
        rows += [f'ml_predictions_total{{prediction="{digit}"}} {count}' for digit, count in labels.items()]
        rows += [f'seen_role_total{{role="{role}"}} {count}' for role, count in roles.items()]
        self.answer("\n".join(rows) + "\n", "text/plain; version=0.0.4")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        role = ",".join(self.headers.get_all("x-modelrollout-role") or ()) or "none"
        with lock:
            digit = next(digits)
            codes["200"] += 1
            labels[digit] += 1
            roles[role] = roles.get(role, 0) + 1
        output = {"name": "label", "shape": [1], "datatype": "INT64", "data": [digit]}
        body = json.dumps({"model_name": "digits", "outputs": [output]})
        self.answer(body, **{"x-model-version": version, "x-role-seen": role})

    def log_message(self, *arguments):
        pass

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size = True, 128

Server(("", 8080), Clerk).serve_forever()
"""
COMMAND = ["python", "-c", SCRIPT]

_MANIFESTS = """
apiVersion: v1
kind: Service
metadata: {name: queue}
spec: {selector: {app: queue}, ports: [{name: http, port: 8080}]}
"""


def open_queue(scenario: Scenario) -> None:
    """As its owner: a Deployment and a Service, which no ModelRollout made; wait until it can answer."""
    container = {
        "name": "clerk",
        "image": DIGITS_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": COMMAND,
        "env": [{"name": "MODEL_VERSION", "value": QUEUE}],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {
            "httpGet": {"path": "/", "port": 8080},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 10,
        },
    }
    template = {
        "metadata": {
            "labels": {"app": QUEUE},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
        },
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 2},
    }
    selector = {"matchLabels": {"app": QUEUE}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": QUEUE, "namespace": scenario.namespace},
        "spec": {"replicas": 1, "selector": selector, "template": template},
    }
    scenario.kubectl("apply", "--filename", "-", stdin=_MANIFESTS)
    scenario.kube.create(deployment)
    scenario.kubectl("rollout", "status", f"deployment/{QUEUE}", "--timeout=120s")


def close_queue(scenario: Scenario) -> None:
    """Its owner removes it."""
    scenario.kubectl("delete", f"deployment/{QUEUE}", f"service/{QUEUE}")
    until(lambda: not scenario.kube.list(POD, scenario.namespace, f"app={QUEUE}"), "the queue to close")


def roles_seen(scenario: Scenario, pod: str) -> dict[str, int]:
    """How many requests a clerk got with which role; copies count as well."""
    ask = "import urllib.request as r; print(r.urlopen('http://localhost:8080/metrics').read().decode())"
    text = scenario.kubectl("exec", pod, "--", "python", "-c", ask)
    return {role: int(count) for role, count in re.findall(r'^seen_role_total\{role="(\w+)"\} (\d+)', text, re.M)}
