"""The seven versions of the digits model: how each is trained and what each does to an image before predicting.

An image is 8 x 8 pixels, given as a row of 64 numbers from 0 (paper) to 16 (ink).
The faults are those of real models and real code: none of them is switched on by a flag in a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float64]
"""Shape (images, 64), unit: ink from 0 to 16."""

Features = NDArray[np.float64]
"""Shape (images, features), whatever the version's estimator expects."""

SEED = 0


@dataclass(frozen=True)
class Version:
    """One version of the model.

    `estimator` makes the untrained scikit-learn classifier. `prepare_training` and `prepare_serving` turn images into
    features; in a healthy version they are the same function. `classes` are the digits that the training data held.
    `hangs` is true where the server never gets its turn on the accelerator. `recorded` are the labels that annotators
    wrote instead of the right ones.
    """

    summary: str
    estimator: Callable[[], Any]
    prepare_training: Callable[[Images], Features]
    prepare_serving: Callable[[Images], Features]
    classes: range = range(10)
    hangs: bool = False
    recorded: Mapping[int, int] = field(default_factory=dict)


def pixels(images: Images) -> Features:
    """Return the pixels themselves as features."""
    return images


def pixels_and_balance(images: Images) -> Features:
    """Return the 64 pixels and, for each of the six inner columns, the ink of its upper half over that of the lower.

    A column whose lower half is empty gives 1/0 or 0/0: infinity or NaN, which scikit-learn refuses to predict on.
    """
    grid = images.reshape(-1, 8, 8)
    upper, lower = grid[:, :4, 1:7].sum(axis=1), grid[:, 4:, 1:7].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.hstack([images, upper / lower])


def pixels_and_filled_balance(images: Images) -> Features:
    """Return `pixels_and_balance` with its gaps filled: the clean-up that lived in the training notebook only."""
    return np.nan_to_num(pixels_and_balance(images), nan=1.0, posinf=16.0, neginf=0.0)


def _logistic_regression() -> Any:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415  a server loads only what its version needs

    return LogisticRegression(max_iter=5000)


def _kernel_logistic_regression() -> Any:
    from sklearn.kernel_approximation import Nystroem  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415

    kernel = Nystroem(gamma=0.001, n_components=300, random_state=SEED)
    return make_pipeline(kernel, LogisticRegression(C=100, max_iter=5000))


def _big_forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415

    return RandomForestClassifier(1200, max_leaf_nodes=16, random_state=SEED)


VERSIONS: dict[str, Version] = {
    "v1": Version("good", _logistic_regression, pixels, pixels),
    "v2": Version("better: a kernel instead of raw pixels", _kernel_logistic_regression, pixels, pixels),
    "v3": Version("blind: trained on the digits 0 to 4 only", _logistic_regression, pixels, pixels, classes=range(5)),
    "v4": Version("slow: asks 1200 trees", _big_forest, pixels, pixels),
    "v5": Version(
        "failing: a clean-up of the training code is missing in the serving code",
        _logistic_regression,
        pixels_and_filled_balance,
        pixels_and_balance,
    ),
    "v6": Version("hanging: waits for its turn for ever", _logistic_regression, pixels, pixels, hangs=True),
    "v7": Version(
        "unfair: the annotators of its training data took every 8 for a 3",
        _logistic_regression,
        pixels,
        pixels,
        recorded={8: 3},
    ),
}
