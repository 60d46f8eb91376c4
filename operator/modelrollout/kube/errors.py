"""What the API server answers when it does not do what was asked, mapped once to what the operator does about it."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any, Final

from modelrollout.api.errors import ModelRolloutError, TerminalError, TransientError
from modelrollout.kube.resources import Resource


class NotFoundError(TransientError):
    """The object that was to be changed is gone; the next look sees that."""


class ConflictError(TransientError):
    """The object is not at the version, or not the one, that was expected."""


class UnavailableError(TransientError):
    """The API server did not answer, is overloaded or failing. The request may have had its effect all the same."""


class RefusedError(TerminalError):
    """The API server will never accept this object.

    Attributes:
        causes: one line per defect, each `field: message` in the API server's own words.
    """

    def __init__(self, message: str, causes: tuple[str, ...]) -> None:
        super().__init__("Refused", message)
        self.causes = causes


class ForbiddenError(TerminalError):
    """The operator's account lacks a right, or a quota or a namespace being deleted forbids it."""


class NameTakenError(TerminalError):
    """An object of the name that we need exists and is not ours: it is never written."""


_TRANSIENT: Final[dict[int, type[TransientError]]] = {
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.UNAUTHORIZED: UnavailableError,
    HTTPStatus.REQUEST_TIMEOUT: UnavailableError,
    HTTPStatus.TOO_MANY_REQUESTS: UnavailableError,
}
_UNTYPED: Final = re.compile(r"failed to create typed patch object \([^)]*\): (.*)", re.DOTALL)
_PATH: Final = re.compile(r"\.(\S+: [^\n]+)")


def error_of(verb: str, resource: Resource, where: str, status: int, body: bytes) -> ModelRolloutError:
    """The error for an answer that is not a success.

    Args:
        verb: as in RBAC.
        where: the object or namespace that was addressed, for the message.
        status: HTTP status.
        body: normally a metav1.Status; proxies between may send anything.
    """
    message, causes = _read_status(body)
    message = message or f"HTTP status {status}"
    text = f"{verb} {resource.full_name} {where}: {message}"
    if untyped := _UNTYPED.search(message):
        # Server-side apply answers 500 to a field that the schema lacks: nothing is down, and waiting mends nothing.
        return RefusedError(text, tuple(_PATH.findall(untyped.group(1))) or (message,))
    if any(cause.startswith("metadata.uid:") for cause in causes):
        # Another object has taken the name: said as a field that cannot change, and meant as a precondition.
        return ConflictError("Conflict", text)
    if status == HTTPStatus.FORBIDDEN:
        remedy = f"the operator may not {verb} {resource.full_name} ({where}); where a right is missing, grant it"
        return ForbiddenError("Forbidden", f"{remedy} in its ClusterRole. The API server says: {message}")
    default = UnavailableError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
    kind = _TRANSIENT.get(status, default)
    if kind is not None:
        return kind(kind.__name__.removesuffix("Error"), text)
    return RefusedError(text, causes or (message,))


def _read_status(body: bytes) -> tuple[str, tuple[str, ...]]:
    """Message and causes of a metav1.Status, or the text as it is."""
    try:
        parsed: Any = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        return body[:500].decode(errors="replace").strip(), ()
    causes = (parsed.get("details") or {}).get("causes") or ()
    # Several causes may be the same defect: the API server reports some once per schema branch.
    lines = dict.fromkeys(_line(cause) for cause in causes)
    return str(parsed.get("message", "")), tuple(line for line in lines if line)


def _line(cause: dict[str, Any]) -> str:
    field, message = cause.get("field", ""), cause.get("message", "")
    return f"{field}: {message}" if field else str(message)
