"""Losses that look at each number of a row alone and are their mean, and metrics that look at several together."""

from __future__ import annotations

LOSSES = frozenset(
    (
        "BinaryCrossentropy", "BinaryFocalCrossentropy", "Hinge", "Huber", "LogCosh", "MeanAbsoluteError",
        "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError", "Poisson", "SquaredHinge",
    )
)  # fmt: skip
METRICS = frozenset(
    ("ConcordanceCorrelation", "CosineSimilarity", "F1Score", "FBetaScore", "PearsonCorrelation", "R2Score")
)
