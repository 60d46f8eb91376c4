"""What is computed of a model once: models never change, and reading a large one again at every look takes time."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from modelrollout.api.model import APIModel

M = TypeVar("M", bound=APIModel)
P = ParamSpec("P")
R = TypeVar("R")


def remembered(compute: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
    """A function of a model that is asked once for each model, and for each of the values beside it.

    A model is known by the object that it is: an equal one is asked anew. What is remembered goes when the model goes.

    Args:
        compute: pure, with a result that nobody changes; what it takes beside the model is hashable and positional.
    """
    known: dict[int, tuple[weakref.ref[M], dict[object, R]]] = {}

    @functools.wraps(compute)
    def ask(model: M, /, *args: P.args, **kwargs: P.kwargs) -> R:
        number = id(model)
        if number not in known:
            # Called before the number can become another's.
            known[number] = weakref.ref(model, lambda _: known.pop(number)), {}
        _, results = known[number]
        if args not in results:
            results[args] = compute(model, *args, **kwargs)
        return results[args]

    return ask
