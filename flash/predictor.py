"""Accuracy predictors: from a network's score to the accuracy that training would give."""

from __future__ import annotations

import os

from ._record import Record
from ._validate import choice, known_keys, number, parse_json, read_text, write_text_atomic
from .errors import ArgumentError, ArgumentTypeError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["AccuracyPredictor", "as_predictor"]

_FORMAT = 1


class AccuracyPredictor(Record):
    """The paper's form: ``accuracy = 1 / (a + exp(b / g + c))`` of NN-Degree g.

    Three numbers per space and data set (PAPERS: a variant of logistic regression; reconstruction).
    It rises with g towards ``1 / (a + exp(c))``.

    Parameters
    ----------
    a : float
        Positive; 1 / a bounds the accuracy from above.
    b : float
        Positive: accuracy rises with NN-Degree.
    c : float
    provenance : dict
        Where the three numbers come from.

    Raises
    ------
    ArgumentError
        If a number is not accepted, or accuracies would exceed 1.
    """

    a: float
    b: float
    c: float
    provenance: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        number("a", self.a, above=0.0)
        number("b", self.b, above=0.0)
        number("c", self.c, low=-500.0, high=500.0)
        if self.predict_degree(1e300) > 1.0 + 1e-12:
            raise ArgumentError(
                "a and c must keep accuracies at most 1 (a + exp(c) >= 1), "
                f"got a={self.a}, c={self.c}"
            )

    def predict_degree(self, degree: float) -> float:
        """Return the accuracy in [0, 1] for one NN-Degree."""
        import math

        return 1.0 / (self.a + math.exp(min(700.0, self.b / degree + self.c)))

    def predict(self, architectures: Any) -> Any:
        """Return predicted accuracies.

        Parameters
        ----------
        architectures : Architecture or Network, or a sequence of them

        Returns
        -------
        float, or ndarray of shape (n,)
        """
        from .degree import nn_degree

        if not isinstance(architectures, (list, tuple)):
            return self.predict_degree(nn_degree(architectures))
        import numpy as np

        return np.array([self.predict_degree(nn_degree(one)) for one in architectures])

    @property
    def link(self) -> tuple[int, float, float, float]:
        """The core's link from score to accuracy."""
        return (1, self.a, self.b, self.c)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the predictor as JSON; with a path, write it there too."""
        import json

        text = json.dumps(
            {
                "format": _FORMAT,
                "kind": "nn-degree",
                "a": self.a,
                "b": self.b,
                "c": self.c,
                "provenance": dict(self.provenance or {}),
            },
            indent=2,
        )
        if path is not None:
            write_text_atomic(path, text + "\n")
        return text

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> AccuracyPredictor:
        """Return the predictor in a JSON file; FormatError if it is none."""
        where = os.fspath(path)
        data = parse_json(read_text(path, "predictor"), where)
        try:
            data = dict(known_keys(where, data, ("format", "kind", "a", "b", "c", "provenance")))
            missing = [key for key in ("format", "kind", "a", "b", "c") if key not in data]
            if missing:
                raise ArgumentError(f"{missing[0]} is missing")
            if data.pop("format") != _FORMAT:
                raise ArgumentError(f"format must be {_FORMAT}")
            choice("kind", data.pop("kind"), ("nn-degree",))
            provenance = data.setdefault("provenance", {})
            if not isinstance(provenance, dict):
                raise ArgumentTypeError("provenance must be an object")
            return cls(**data)
        except (ArgumentError, ArgumentTypeError) as error:
            raise FormatError(f"{where}: {error}") from None


def as_predictor(value: Any) -> AccuracyPredictor | None:
    """Return a predictor from what users pass: None, one, or its file."""
    if value is None or isinstance(value, AccuracyPredictor):
        return value
    if isinstance(value, (str, os.PathLike)):
        if value == "default":
            raise ArgumentError(
                "predictor='default' needs a fitted predictor, and none comes with this version; "
                "pass an AccuracyPredictor or its JSON file, or None to search without training"
            )
        return AccuracyPredictor.load(value)
    raise ArgumentTypeError(
        f"predictor must be None, an AccuracyPredictor or the path of its file, "
        f"got {type(value).__name__}"
    )
