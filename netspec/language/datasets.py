"""The data sets that `dataset` names, and what their rows are, which is known without them."""

from __future__ import annotations

from dataclasses import dataclass

LABEL = "label"


@dataclass(frozen=True, slots=True)
class Named:
    """One data set: the column beside `label`, and what is in both."""

    column: str
    shape: tuple[int, ...] | None  # of a row's numbers; None: lists of word numbers
    classes: int | tuple[str, ...]  # how many there are, from 0, or their names; 0: the label is a number
    most: float | None = None  # what the brightest pixel is
    bundled: bool = False  # it comes with scikit-learn; Keras's are downloaded once

    @property
    def columns(self) -> tuple[str, str]:
        """Its columns in order."""
        return self.column, LABEL


DATASETS = {
    "boston_housing": Named("numbers", (13,), 0),
    "breast_cancer": Named("numbers", (30,), ("malignant", "benign"), bundled=True),
    "california_housing": Named("numbers", (8,), 0),
    "cifar10": Named("image", (32, 32, 3), 10, 255.0),
    "cifar100": Named("image", (32, 32, 3), 100, 255.0),
    "diabetes": Named("numbers", (10,), 0, bundled=True),
    "digits": Named("image", (8, 8, 1), 10, 16.0, bundled=True),
    "fashion_mnist": Named("image", (28, 28), 10, 255.0),
    "imdb": Named("words", None, 2),
    "iris": Named("numbers", (4,), ("setosa", "versicolor", "virginica"), bundled=True),
    "mnist": Named("image", (28, 28), 10, 255.0),
    "reuters": Named("words", None, 46),
    "wine": Named("numbers", (13,), ("class_0", "class_1", "class_2"), bundled=True),
}
