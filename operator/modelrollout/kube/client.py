"""A thin asynchronous client: any kind, plain JSON, errors mapped to types.

The generated API classes are not used: `CustomObjectsApi` cannot address the core group, and the typed ones cost
25 MiB. Every request is made the same way from a `Resource`, through the ApiClient's own authentication and
connections.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, cast

import aiohttp
from kubernetes.aio.client import ApiClient

from modelrollout.api.names import FIELD_MANAGER
from modelrollout.kube.errors import NotFoundError, UnavailableError, error_of
from modelrollout.kube.resources import POD, Object, Resource

REQUEST_TIMEOUT: Final = 10.0
"""Seconds for a request and its answer. The client's own default is five minutes: longer than any decision may wait."""
PAGE_SIZE: Final = 500
LOG_BYTES: Final = 65_536
"""Of a log, however long its lines are."""


class PatchType(StrEnum):
    """How a patch is read."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"


class FieldValidation(StrEnum):
    """What the API server does with unknown and duplicate fields."""

    STRICT = "Strict"
    IGNORE = "Ignore"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, for telemetry.

    Attributes:
        status: HTTP status; 0 when no answer came.
    """

    verb: str
    resource: Resource
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Applied:
    """The outcome of a server-side apply.

    Attributes:
        created: whether it made the object, so nobody else's was touched.
    """

    object: Object
    created: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, or a page of one, and the version that it shows."""

    items: tuple[Object, ...]
    resource_version: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    object: Object


class KubeClient:
    """Requests to the API server.

    All methods raise `ConflictError` or `UnavailableError` (transient), `RefusedError` or `ForbiddenError` (terminal);
    those that change an existing object raise `NotFoundError` when it is gone.
    """

    def __init__(
        self,
        api: ApiClient,
        *,
        on_request: Callable[[Request], None] | None = None,
        may_write: Callable[[], None] | None = None,
    ) -> None:
        """Share one ApiClient: each has its own connections.

        Args:
            on_request: called after every request.
            may_write: called right before every request that is not a read; an error that it raises is passed on, and
                nothing is sent.
        """
        self._api = api
        self._on_request = on_request
        self._may_write = may_write

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object, live, or None."""
        try:
            return (await self._call("get", resource, namespace, name)).object
        except NotFoundError:
            return None

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> Listing:
        """All objects, live, in one namespace or in all, as of one version."""
        items: list[Object] = []
        version = ""
        async for page in self.pages(resource, namespace, label_selector=label_selector):
            items += page.items
            version = page.resource_version
        return Listing(tuple(items), version)

    async def pages(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> AsyncIterator[Listing]:
        """What `list` gives, some at a time, so that nobody needs to hold all of it."""
        query = {"limit": str(PAGE_SIZE)} | ({"labelSelector": label_selector} if label_selector else {})
        while True:
            page = (await self._call("list", resource, namespace, query=query)).object
            # Items of a list lack kind and apiVersion.
            items = ({"apiVersion": resource.api_version, "kind": resource.kind} | item for item in page["items"])
            yield Listing(tuple(items), page["metadata"]["resourceVersion"])
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    async def watch(self, resource: Resource, since: Object) -> AsyncGenerator[tuple[str, Object], None]:
        """(event, object) of each change of one object after the state that is given; ends when the server ends it.

        The stream may end at any time, also because the state is too old: read the object again then.
        """
        metadata = since["metadata"]
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={metadata['name']}",
            "resourceVersion": metadata["resourceVersion"],
        }
        parameters: Any = await self._api.param_serialize(
            method="GET",
            resource_path=resource.path(metadata["namespace"]),
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        endless = aiohttp.ClientTimeout(total=None, connect=REQUEST_TIMEOUT)
        where = f"{metadata['namespace']}/{metadata['name']}"
        try:
            response = await self._api.call_api(*parameters, _request_timeout=endless)
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise error_of("watch", resource, where, response.status, await response.read())
            try:
                async for text in _lines(response.response.content):
                    event = json.loads(text)
                    if event["type"] == "ERROR":
                        return
                    yield event["type"], event["object"]
            finally:
                response.response.close()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UnavailableError("Unavailable", f"watch {resource.full_name} {where}: {error}") from error

    async def create(
        self,
        resource: Resource,
        obj: Object,
        *,
        dry_run: bool = False,
        validation: FieldValidation = FieldValidation.STRICT,
    ) -> Object:
        """Make an object; ConflictError if there is one of that name."""
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": validation.value} | _dry(dry_run=dry_run)
        return (await self._call("create", resource, obj["metadata"].get("namespace"), query=query, body=obj)).object

    async def apply(self, resource: Resource, obj: Object, *, force: bool, dry_run: bool = False) -> Applied:
        """Server-side apply as manager `modelrollout`; unknown fields are refused.

        `metadata.uid` or `metadata.resourceVersion` in the object make it a precondition: ConflictError otherwise.

        Args:
            force: take fields over that others own. Without it, a field that someone else owns is a ConflictError.
        """
        metadata = obj["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "fieldValidation": FieldValidation.STRICT.value}
        query |= {"force": json.dumps(force)} | _dry(dry_run=dry_run)
        answer = await self._call(
            "patch",
            resource,
            metadata.get("namespace"),
            metadata["name"],
            query=query,
            body=obj,
            content_type=PatchType.APPLY,
        )
        return Applied(answer.object, created=answer.status == HTTPStatus.CREATED)

    async def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: object,
        content_type: PatchType,
        *,
        subresource: str | None = None,
    ) -> Object:
        """Patch an object."""
        answer = await self._call(
            "patch",
            resource,
            namespace,
            name,
            subresource=subresource,
            query={"fieldManager": FIELD_MANAGER, "fieldValidation": FieldValidation.STRICT.value},
            body=body,
            content_type=content_type,
        )
        return answer.object

    async def replace(self, resource: Resource, obj: Object, *, subresource: str | None = None) -> Object:
        """Replace an object, or its subresource; `metadata.resourceVersion` makes it conditional."""
        answer = await self._call(
            "update",
            resource,
            obj["metadata"].get("namespace"),
            obj["metadata"]["name"],
            subresource=subresource,
            query={"fieldManager": FIELD_MANAGER, "fieldValidation": FieldValidation.STRICT.value},
            body=obj,
        )
        return answer.object

    async def delete(self, resource: Resource, namespace: str | None, name: str, *, uid: str) -> None:
        """Delete the object of that UID, its dependents in the background; one that is gone already is no error.

        Raises:
            ConflictError: an object of that name exists and has another UID.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid},
        }
        try:
            await self._call("delete", resource, namespace, name, body=body)
        except NotFoundError:
            return

    async def log(self, namespace: str, pod: str, container: str, *, lines: int) -> str:
        """The last lines of a container's log.

        Raises:
            NotFoundError: the pod is gone.
        """
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(LOG_BYTES)}
        _, content = await self._ask("get", POD, namespace, pod, subresource="log", query=query)
        return content.decode(errors="replace")

    async def _call(
        self,
        verb: str,
        resource: Resource,
        namespace: str | None,
        name: str | None = None,
        *,
        subresource: str | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> _Answer:
        status, content = await self._ask(
            verb, resource, namespace, name, subresource=subresource, query=query, body=body, content_type=content_type
        )
        try:
            return _Answer(status, cast("Object", json.loads(content)))
        except ValueError as error:
            # Something between us and the API server has answered in its place.
            where = _where(namespace, name)
            raise UnavailableError("Unavailable", f"{verb} {resource.full_name} {where}: not JSON") from error

    async def _ask(
        self,
        verb: str,
        resource: Resource,
        namespace: str | None,
        name: str | None,
        *,
        subresource: str | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> tuple[int, bytes]:
        where = _where(namespace, name)
        start = time.perf_counter()
        status = 0
        try:
            status, content = await self._send(
                _METHODS[verb], resource.path(namespace, name, subresource), query or {}, body, content_type
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            text = str(error) or type(error).__name__
            raise UnavailableError("Unavailable", f"{verb} {resource.full_name} {where}: {text}") from error
        finally:
            if self._on_request is not None:
                self._on_request(Request(verb, resource, status, time.perf_counter() - start))
        if status >= HTTPStatus.BAD_REQUEST:
            raise error_of(verb, resource, where, status, content)
        return status, content

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], body: object, content_type: str
    ) -> tuple[int, bytes]:
        parameters: Any = await self._api.param_serialize(
            method=method,
            resource_path=path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        if method != "GET" and self._may_write is not None:
            # Nothing lies between this and the socket but a connection, where none is open.
            self._may_write()
        # The client hands the timeout to aiohttp as it is, where a bare number is deprecated.
        response = await self._api.call_api(*parameters, _request_timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT))
        return response.status, await response.read()


_METHODS: Final = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "patch": "PATCH",
    "update": "PUT",
    "delete": "DELETE",
}


def _where(namespace: str | None, name: str | None) -> str:
    return "/".join(part for part in (namespace, name) if part) or "in all namespaces"


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Lines of any length: the reader's own are limited."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for text in whole:
            yield text


def _dry(*, dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}
