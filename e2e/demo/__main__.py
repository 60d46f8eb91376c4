"""`python -m e2e.demo`: bring up what is missing, tell the story, say how it went."""

import os
import subprocess
import sys
import time

from e2e.cluster import shell
from e2e.cluster.progress import Progress, duration
from e2e.demo import settings, summary, view
from e2e.demo.install import Ready, install
from e2e.demo.settings import NAMESPACE, OPERATOR, OPERATOR_NAMESPACE, ROLLOUT
from e2e.demo.telling import Teller, Told

_LOOK_AROUND = f"""
The cluster stays up. To look around:

    eval "$(python3 -m e2e.cluster env)"
    kubectl --namespace {NAMESPACE} describe modelrollout {ROLLOUT}

`make demo` again tells it anew, `make demo-down` takes the cluster away."""


def main() -> int:
    """Return the exit status: 0 when the story came about as told."""
    began = time.monotonic()
    given = settings.read(os.environ)
    ready = install(given, Progress())
    installed = time.monotonic() - began
    shown = view.of(sys.stdout)
    told = Teller(ready, given, shown).tell()
    took = time.monotonic() - began - installed
    shown.say("\n" + summary.table(told.chronicles, told.total))
    shown.say("\n" + summary.harm(told.total))
    shown.say(f"cluster and operator in {duration(installed)}, the rollouts in {duration(took)}")
    if told.differences:
        shown.say(_complaint(ready, told))
    _stop_load(ready)
    shown.say(_LOOK_AROUND)
    return 1 if told.differences else 0


def _complaint(ready: Ready, told: Told) -> str:
    lines = ["\nTHE STORY WENT ANOTHER WAY", *(f"  {difference}" for difference in told.differences)]
    looks = (
        ("the pods", ("--namespace", NAMESPACE, "get", "pods", "--output=wide")),
        (
            "the operator's last words",
            ("--namespace", OPERATOR_NAMESPACE, "logs", f"deployment/{OPERATOR}", "--tail=40"),
        ),
    )
    for name, arguments in looks:
        try:
            lines += [f"\n{name}:", ready.kubectl(*arguments).rstrip()]
        except shell.CommandError as error:
            lines.append(f"{name} cannot be had: {error}")
    return "\n".join(lines)


def _stop_load(ready: Ready) -> None:
    ready.kubectl("--namespace", NAMESPACE, "delete", "pod", "load", "--ignore-not-found", "--wait=false")


def run() -> int:
    """`main`, with what can go wrong around it said in one message."""
    try:
        return main()
    except KeyboardInterrupt:
        print("\ninterrupted: what is up stays up; `make demo` goes on from there, `make demo-down` takes it away")
        return 130
    except (RuntimeError, ValueError, OSError, subprocess.SubprocessError) as error:
        print(f"\nthe demo failed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    status = run()
    sys.stdout.flush()
    sys.stderr.flush()
    # A build that is still under way in a thread would hold up a plain exit; it is ended and repeated next time.
    os._exit(status)
