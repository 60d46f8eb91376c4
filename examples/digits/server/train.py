"""Train the seven versions, write them and the held-out images to a directory. Runs once, when the image is built.

    python -m server.train /app/models

The directory then holds `v1.joblib` to `v7.joblib` (fitted scikit-learn classifiers) and `heldout.json`, a list of
`{"label": 7, "pixels": [64 numbers]}`: 40 % of the images, which no version has seen. The load client sends these.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from .versions import SEED, VERSIONS, Images, Version

Labels = NDArray[np.int64]


def train(version: Version, images: Images, labels: Labels) -> object:
    """Return the version's classifier, fitted on those of its classes."""
    seen = np.isin(labels, version.classes)
    recorded = np.array([version.recorded.get(int(label), int(label)) for label in labels[seen]])
    return version.estimator().fit(version.prepare_training(images[seen]), recorded)


def main() -> None:
    """Train, write, and print one line for each version."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    directory: Path = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)

    images, labels = load_digits(return_X_y=True)
    training, heldout, training_labels, heldout_labels = train_test_split(
        images, labels, test_size=0.4, random_state=SEED, stratify=labels
    )
    for name, version in VERSIONS.items():
        joblib.dump(train(version, training, training_labels), directory / f"{name}.joblib")
        print(f"{name}: {version.summary}")
    examples = [
        {"label": int(label), "pixels": [int(pixel) for pixel in image]}
        for image, label in zip(heldout, heldout_labels, strict=True)
    ]
    (directory / "heldout.json").write_text(json.dumps(examples))


if __name__ == "__main__":
    main()
