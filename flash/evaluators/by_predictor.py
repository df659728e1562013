"""Accuracies by a predictor, or NN-Degree without one: microseconds, in batches."""

from __future__ import annotations

from ..base.checks import json_text, public, shown
from ..base.names import Metric
from ..errors import ArgumentTypeError
from . import Evaluator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..networks.network import Network
    from ..predictors.predictor import AccuracyPredictor
    from ..solving.ground import Ground

__all__ = ["PredictorEvaluator"]


@public
class PredictorEvaluator(Evaluator):
    """Evaluates by an accuracy predictor, or by NN-Degree.

    On a `SearchSpace` the score comes with the costs, from the core's tables; networks of a
    `NetworkSpace` are read one by one.

    Parameters
    ----------
    predictor : AccuracyPredictor, optional
        None: NN-Degree, training-free. Of a grown one the additive part: one meaning of accuracy
        for all methods.
    """

    expensive = False
    usual_evals = 10_000

    def __init__(self, predictor: AccuracyPredictor | None = None) -> None:
        from ..predictors.predictor import AccuracyPredictor

        if predictor is not None and not isinstance(predictor, AccuracyPredictor):
            raise ArgumentTypeError(
                f"predictor must be None or an AccuracyPredictor, got {shown(predictor)} "
                f"({type(predictor).__name__})"
            )
        self.predictor = None if predictor is None else predictor.additive
        self.score = "nn_degree" if predictor is None else "accuracy"
        own = self.predictor
        self.name: str = "nn-degree" if own is None else f"predictor ({own.kind})"

    @property
    def title(self) -> str:
        return self.name if self.predictor is None else self.predictor.title

    def facts(self) -> dict[str, Any]:
        given = self.predictor
        return {"evaluator": self.name, "predictor": given and json_text(given.to_dict(), indent=2)}

    def of_network(self, net: Network) -> float:
        """Return the score of one network of a `NetworkSpace`."""
        if self.predictor is None:
            from ..networks.degree import nn_degree

            return float(nn_degree(net))
        return self.predictor.predict_one(net)

    def evaluate(
        self, ground: Ground, rows: NDArray[np.int64], metrics: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], None]:
        from ..evaluating import accuracies_of
        from ..solving.ground import TableGround

        score = metrics[Metric.SCORE]
        if self.predictor is None or not isinstance(ground, TableGround):
            return score, None
        # by the core: numpy's exponential is not always rounded as that of the C library
        return accuracies_of(ground.problem, score), None
