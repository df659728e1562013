"""flash: fast, hardware-aware neural architecture search that proves its answer.

>>> import flash
>>> result = flash.search("densenet", "rram", max_latency_ms=4.0, max_energy_mj=0.04)
>>> result.status
'OPTIMAL'

Every public name is loaded at its first use: ``import flash`` itself costs almost nothing.
"""

from __future__ import annotations

from ._version import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._buildinfo import build_info as build_info
    from ._choices import Range as Range
    from ._pareto_front import ParetoFront as ParetoFront
    from .architecture import Architecture as Architecture
    from .architecture import Cell as Cell
    from .cell_networks import CellNetwork as CellNetwork
    from .degree import nn_degree as nn_degree
    from .degree import nn_mass as nn_mass
    from .errors import FlashError as FlashError
    from .evaluating import Table as Table
    from .evaluating import evaluate as evaluate
    from .evaluators.by_predictor import PredictorEvaluator as PredictorEvaluator
    from .evaluators.by_table import TableEvaluator as TableEvaluator
    from .evaluators.by_training import TrainingEvaluator as TrainingEvaluator
    from .fleet import FleetResult as FleetResult
    from .fronts import pareto as pareto
    from .hardware import Cost as Cost
    from .hardware import Target as Target
    from .hardware import targets as targets
    from .hardware._design import calibration_design as calibration_design
    from .hardware._measurement import Measurement as Measurement
    from .hardware.calibrating import calibrate as calibrate
    from .hardware.measuring import export_measuring as export_measuring
    from .hardware.measuring import measure as measure
    from .methods.comparing import compare as compare
    from .methods.comparison import Comparison as Comparison
    from .network import Layer as Layer
    from .network import Network as Network
    from .pnas_space import PNASCells as PNASCells
    from .predictor import AccuracyPredictor as AccuracyPredictor
    from .problem import Problem as Problem
    from .result import SearchResult as SearchResult
    from .solver import search as search
    from .spaces import DenseNet as DenseNet
    from .spaces import MobileNetV2 as MobileNetV2
    from .spaces import ResNet as ResNet
    from .spaces import SearchSpace as SearchSpace
    from .spaces import WideResNet as WideResNet
    from .sweeping import SweepResult as SweepResult
    from .sweeping import sweep as sweep
    from .training import train as train

_HOME = {
    "AccuracyPredictor": "predictor",
    "Architecture": "architecture",
    "BypassSpace": "supernet.bypass_space",
    "Cell": "architecture",
    "CellNetwork": "cell_networks",
    "Comparison": "methods.comparison",
    "Cost": "hardware",
    "DenseNet": "spaces",
    "FlashError": "errors",
    "FleetResult": "fleet",
    "Layer": "network",
    "MobileNetV2": "spaces",
    "Measurement": "hardware._measurement",
    "Network": "network",
    "ParetoFront": "_pareto_front",
    "PNASCells": "pnas_space",
    "PredictorEvaluator": "evaluators.by_predictor",
    "Problem": "problem",
    "Range": "_choices",
    "ResNet": "spaces",
    "SearchResult": "result",
    "SearchSpace": "spaces",
    "SweepResult": "sweeping",
    "Table": "evaluating",
    "Supernet": "supernet.scoring",
    "SupernetEvaluator": "evaluators.by_supernet",
    "TableEvaluator": "evaluators.by_table",
    "Target": "hardware",
    "TrainingEvaluator": "evaluators.by_training",
    "WideResNet": "spaces",
    "build_info": "_buildinfo",
    "calibrate": "hardware.calibrating",
    "calibration_design": "hardware._design",
    "compare": "methods.comparing",
    "evaluate": "evaluating",
    "export_measuring": "hardware.measuring",
    "measure": "hardware.measuring",
    "nn_degree": "degree",
    "nn_mass": "degree",
    "pareto": "fronts",
    "search": "solver",
    "sweep": "sweeping",
    "targets": "hardware",
    "train": "training",
    "train_supernet": "supernet.running",
}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'flash' has no attribute {name!r}")
    # not importlib: importing that package alone takes as long as some of what it would import
    value = getattr(__import__("flash." + home, fromlist=[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _require_core() -> None:
    """There is no slow twin to fall back to: say at once that the core is missing."""
    import sys

    folder = __path__[0] + "/_core"
    from os import listdir

    if not any(
        name.startswith("exact.") and name.endswith((".so", ".pyd")) for name in listdir(folder)
    ):
        from .errors import CoreMissingError

        raise CoreMissingError(
            f"flash's compiled core is missing in {folder} (python {sys.version.split()[0]}). "
            "Build it with `pip install flash-nas`, or in a checkout `pip install -e .` "
            "(needs a C compiler)."
        )


_require_core()
