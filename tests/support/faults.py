"""What goes wrong with the requests of one operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

Send = Callable[..., Awaitable[tuple[int, bytes]]]


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class Wrong(StrEnum):
    """What goes wrong with a request."""

    KILLED = "killed after its effect"
    CONFLICT = "409"
    REFUSED = "422"
    BUSY = "429"
    BROKEN = "500"
    TIMEOUT = "no answer, no effect"
    RESET = "reset before the effect"
    LOST = "reset after the effect"

    @property
    def words(self) -> str:
        """What an error that comes of it says, wherever it is told."""
        return f"made up: {self}"


STATUS: Final = {
    Wrong.CONFLICT: HTTPStatus.CONFLICT,
    Wrong.REFUSED: HTTPStatus.UNPROCESSABLE_ENTITY,
    Wrong.BUSY: HTTPStatus.TOO_MANY_REQUESTS,
    Wrong.BROKEN: HTTPStatus.INTERNAL_SERVER_ERROR,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One request goes wrong: the one of that number, from 1; and when it is made again, in the next way.

    Attributes:
        number: 0 is none.
        wrongs: the ways, in order; after them it goes well. Events are not made again.
    """

    number: int = 0
    wrongs: tuple[Wrong, ...] = ()


@dataclass
class Faults:
    """Stands before the requests of an operator.

    Attributes:
        met: what went wrong so far.
        count: requests since `counting` began.
    """

    fault: Fault
    met: list[Wrong] = field(default_factory=list)
    count: int = 0
    counting: bool = False
    _call: tuple[str, str] | None = None

    def before(self, send: Send) -> Send:
        """As the sending of a request, but for what goes wrong."""

        async def sent(method: str, path: str, *rest: Any) -> tuple[int, bytes]:
            wrong = self._next(method, path)
            if wrong is None:
                return await send(method, path, *rest)
            self.met.append(wrong)
            return await _wrongly(wrong, send, method, path, *rest)

        return sent

    def kills(self) -> bool:
        """Whether the process ends now, after the answer."""
        return self.counting and self.count == self.fault.number and self.fault.wrongs == (Wrong.KILLED,)

    def _next(self, method: str, path: str) -> Wrong | None:
        if not self.counting:
            return None
        self.count += 1
        if self.count == self.fault.number:
            self._call = (method, path)
        elif path.endswith("/events"):
            return None
        left = self.fault.wrongs[len(self.met) :]
        return left[0] if left and self._call == (method, path) and left[0] is not Wrong.KILLED else None


async def _wrongly(wrong: Wrong, send: Send, *arguments: Any) -> tuple[int, bytes]:
    match wrong:
        case Wrong.LOST:
            await send(*arguments)
            raise ConnectionResetError(wrong.words)
        case Wrong.RESET:
            raise ConnectionResetError(wrong.words)
        case Wrong.TIMEOUT:
            raise TimeoutError(wrong.words)
        case _:
            return STATUS[wrong], f'{{"kind": "Status", "message": "{wrong.words}"}}'.encode()
