"""On what the figures were measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.platform import Bench
from e2e.cluster import shell, versions
from e2e.support.kube import NODE
from e2e.support.manifests import REPOSITORY


def facts(bench: Bench) -> dict[str, str]:
    """Machine and versions, in words."""
    node = bench.kube.list(NODE)[0]["status"]["nodeInfo"]
    return {
        "machine": f"{os.cpu_count()} cores ({_processor()}), {_memory()} GB of memory, shared with all of the cluster",
        "system": f"{node['osImage']}, Linux {platform.release()}",
        "Kubernetes": f"{node['kubeletVersion']}, one node, {node['containerRuntimeVersion']}",
        "gateway": f"Envoy Gateway {versions.ENVOY_GATEWAY}",
    }


def piece() -> str:
    """When something was measured, of which commit, and how many processes wanted a processor in the last minute."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{now}, commit {_commit()}, load average {os.getloadavg()[0]:.1f}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _commit() -> str:
    try:
        commit = shell.run(["git", "-C", REPOSITORY, "rev-parse", "--short", "HEAD"]).strip()
        changed = shell.run(["git", "-C", REPOSITORY, "status", "--porcelain", "--", "operator", "charts"]).strip()
    except (shell.CommandError, OSError):
        return "unknown"
    return commit + (" and changes" if changed else "")
