"""Which cluster and which namespace a command is about: as kubectl finds them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from kubernetes.aio import client as kubernetes_client
from kubernetes.aio import config
from kubernetes.aio.config import ConfigException

from modelrollout.api.errors import TerminalError
from modelrollout.cli.arguments import Command
from modelrollout.kube.client import KubeClient

SERVICE_ACCOUNT_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@asynccontextmanager
async def connected(command: Command) -> AsyncIterator[tuple[KubeClient, str]]:
    """A client, and the namespace.

    Raises:
        TerminalError: there is neither a kubeconfig nor a service account, or it does not name that context.
    """
    if _is_in_cluster(command):
        settings = kubernetes_client.Configuration()
        config.load_incluster_config(client_configuration=settings)
        namespace = command.namespace or SERVICE_ACCOUNT_NAMESPACE.read_text(encoding="utf-8").strip()
        api = kubernetes_client.ApiClient(settings)
    else:
        file = command.kubeconfig or _kubeconfig()
        try:
            namespace = command.namespace or _namespace(file, command.context)
            api = await config.new_client_from_config(file, command.context, persist_config=False)
        except (ConfigException, OSError) as error:
            raise TerminalError("NoCluster", f"{file} cannot be used: {error}") from error
    async with api:
        yield KubeClient(api), namespace


def _is_in_cluster(command: Command) -> bool:
    named = command.kubeconfig or command.context or os.environ.get("KUBECONFIG")
    return not named and not Path(_kubeconfig()).exists() and SERVICE_ACCOUNT_NAMESPACE.exists()


def _kubeconfig() -> str:
    return os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")


def _namespace(file: str, context: str | None) -> str:
    contexts, active = config.list_kube_config_contexts(file)
    used = next((each for each in contexts if each["name"] == context), None) if context else active
    if used is None:
        raise ConfigException(f"there is no context {context}")
    return str(used["context"].get("namespace") or "default")
