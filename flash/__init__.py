"""flash: fast, hardware-aware neural architecture search that proves its answer.

>>> import flash
>>> result = flash.search("densenet", "rram", max_latency_ms=4.0, max_energy_mj=0.04)
>>> result.status
'OPTIMAL'

Every public name is loaded at its first use: ``import flash`` itself costs almost nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._version import __version__ as __version__
    from .base.registry import Plugin as Plugin
    from .buildinfo import build_info as build_info
    from .choosing.answer import ChoiceResult as ChoiceResult
    from .choosing.choosing import choose as choose
    from .choosing.front import ChoiceFront as ChoiceFront
    from .choosing.problem import ChoiceProblem as ChoiceProblem
    from .choosing.tally import ChoiceSweep as ChoiceSweep
    from .comparing.comparison import Comparison as Comparison
    from .comparing.running import compare as compare
    from .conditional.together import Together as Together
    from .conditional.together import together as together
    from .errors import FlashError as FlashError
    from .evaluating import Table as Table
    from .evaluating import evaluate as evaluate
    from .evaluators import Evaluator as Evaluator
    from .evaluators.by_predictor import PredictorEvaluator as PredictorEvaluator
    from .evaluators.by_supernet import SupernetEvaluator as SupernetEvaluator
    from .evaluators.by_table import TableEvaluator as TableEvaluator
    from .evaluators.by_training import TrainingEvaluator as TrainingEvaluator
    from .exploring.running import Explorer as Explorer
    from .exploring.running import explore as explore
    from .fleets.fleet import FleetResult as FleetResult
    from .fronts.finding import pareto as pareto
    from .fronts.front import ParetoFront as ParetoFront
    from .hardware._measurement import Measurement as Measurement
    from .hardware.calibrating import calibrate as calibrate
    from .hardware.costing import Cost as Cost
    from .hardware.layer_function import LayerTarget as LayerTarget
    from .hardware.measuring import export_measuring as export_measuring
    from .hardware.measuring import measure as measure
    from .hardware.target import Target as Target
    from .hardware.target import targets as targets
    from .methods import MethodOption as MethodOption
    from .methods._task import Task as Task
    from .networks.architecture import Architecture as Architecture
    from .networks.architecture import Cell as Cell
    from .networks.cell_networks import CellNetwork as CellNetwork
    from .networks.degree import nn_degree as nn_degree
    from .networks.degree import nn_mass as nn_mass
    from .networks.layer import Layer as Layer
    from .networks.network import Network as Network
    from .networks.weights import load_weights as load_weights
    from .precision.measured import MeasuredChoices as MeasuredChoices
    from .precision.quantising import quantised as quantised
    from .precision.running import sensitivities as sensitivities
    from .precision.table import Sensitivities as Sensitivities
    from .precision.trying import best_measured as best_measured
    from .predictors.predictor import AccuracyPredictor as AccuracyPredictor
    from .problem.calibration_design import calibration_design as calibration_design
    from .problem.compiling import Problem as Problem
    from .problem.layer_harness import layer_harness as layer_harness
    from .registering import plugins as plugins
    from .registering import register as register
    from .reporting.folder import report as report
    from .results.result import SearchResult as SearchResult
    from .searching import search as search
    from .spaces.blocks.network import BlockNetwork as BlockNetwork
    from .spaces.blocks.options import Option as Option
    from .spaces.blocks.space import BlockSpace as BlockSpace
    from .spaces.blocks.stage import Stage as Stage
    from .spaces.bypass import BypassSpace as BypassSpace
    from .spaces.choices import Range as Range
    from .spaces.known.convnext import ConvNeXt as ConvNeXt
    from .spaces.known.decoder import Decoder as Decoder
    from .spaces.known.fbnet_v2 import FBNetV2 as FBNetV2
    from .spaces.known.hurricane import Hurricane as Hurricane
    from .spaces.known.mcunet import MCUNet as MCUNet
    from .spaces.known.mobilenet_v3 import MobileNetV3 as MobileNetV3
    from .spaces.known.vit import ViT as ViT
    from .spaces.network_space import NetworkSpace as NetworkSpace
    from .spaces.pnas import PNASCells as PNASCells
    from .spaces.space import DenseNet as DenseNet
    from .spaces.space import MobileNetV2 as MobileNetV2
    from .spaces.space import ResNet as ResNet
    from .spaces.space import SearchSpace as SearchSpace
    from .spaces.space import WideResNet as WideResNet
    from .suggesting.asking import suggest as suggest
    from .suggesting.folder import tell as tell
    from .suggesting.suggestion import Suggestion as Suggestion
    from .supernet.running import train_supernet as train_supernet
    from .supernet.scoring import Supernet as Supernet
    from .sweeps.result import SweepResult as SweepResult
    from .sweeps.sweeping import sweep as sweep
    from .training.running import train as train
    from .training.suiting import space_for as space_for
    from .training.zero_cost import zero_cost_scores as zero_cost_scores

_HOME = {
    "__version__": "_version",
    "AccuracyPredictor": "predictors.predictor",
    "Architecture": "networks.architecture",
    "BlockNetwork": "spaces.blocks.network",
    "BlockSpace": "spaces.blocks.space",
    "BypassSpace": "spaces.bypass",
    "Cell": "networks.architecture",
    "CellNetwork": "networks.cell_networks",
    "ChoiceFront": "choosing.front",
    "ChoiceProblem": "choosing.problem",
    "ChoiceResult": "choosing.answer",
    "ChoiceSweep": "choosing.tally",
    "Comparison": "comparing.comparison",
    "ConvNeXt": "spaces.known.convnext",
    "Cost": "hardware.costing",
    "Decoder": "spaces.known.decoder",
    "DenseNet": "spaces.space",
    "Evaluator": "evaluators",
    "Explorer": "exploring.running",
    "FBNetV2": "spaces.known.fbnet_v2",
    "FlashError": "errors",
    "FleetResult": "fleets.fleet",
    "Hurricane": "spaces.known.hurricane",
    "Layer": "networks.layer",
    "LayerTarget": "hardware.layer_function",
    "MCUNet": "spaces.known.mcunet",
    "MeasuredChoices": "precision.measured",
    "Measurement": "hardware._measurement",
    "MethodOption": "methods",
    "MobileNetV2": "spaces.space",
    "MobileNetV3": "spaces.known.mobilenet_v3",
    "Network": "networks.network",
    "NetworkSpace": "spaces.network_space",
    "Option": "spaces.blocks.options",
    "PNASCells": "spaces.pnas",
    "ParetoFront": "fronts.front",
    "Plugin": "base.registry",
    "PredictorEvaluator": "evaluators.by_predictor",
    "Problem": "problem.compiling",
    "Range": "spaces.choices",
    "ResNet": "spaces.space",
    "SearchResult": "results.result",
    "SearchSpace": "spaces.space",
    "Sensitivities": "precision.table",
    "Stage": "spaces.blocks.stage",
    "Suggestion": "suggesting.suggestion",
    "Supernet": "supernet.scoring",
    "SupernetEvaluator": "evaluators.by_supernet",
    "SweepResult": "sweeps.result",
    "Table": "evaluating",
    "TableEvaluator": "evaluators.by_table",
    "Target": "hardware.target",
    "Task": "methods._task",
    "Together": "conditional.together",
    "TrainingEvaluator": "evaluators.by_training",
    "ViT": "spaces.known.vit",
    "WideResNet": "spaces.space",
    "best_measured": "precision.trying",
    "build_info": "buildinfo",
    "calibrate": "hardware.calibrating",
    "calibration_design": "problem.calibration_design",
    "choose": "choosing.choosing",
    "compare": "comparing.running",
    "evaluate": "evaluating",
    "explore": "exploring.running",
    "export_measuring": "hardware.measuring",
    "layer_harness": "problem.layer_harness",
    "load_weights": "networks.weights",
    "measure": "hardware.measuring",
    "nn_degree": "networks.degree",
    "nn_mass": "networks.degree",
    "pareto": "fronts.finding",
    "plugins": "registering",
    "quantised": "precision.quantising",
    "register": "registering",
    "report": "reporting.folder",
    "search": "searching",
    "sensitivities": "precision.running",
    "space_for": "training.suiting",
    "suggest": "suggesting.asking",
    "sweep": "sweeps.sweeping",
    "targets": "hardware.target",
    "tell": "suggesting.folder",
    "together": "conditional.together",
    "train": "training.running",
    "train_supernet": "supernet.running",
    "zero_cost_scores": "training.zero_cost",
}

__all__ = [
    "AccuracyPredictor", "Architecture", "BlockNetwork", "BlockSpace", "BypassSpace", "Cell",
    "CellNetwork", "ChoiceFront", "ChoiceProblem", "ChoiceResult", "ChoiceSweep", "Comparison",
    "ConvNeXt", "Cost", "Decoder", "DenseNet", "Evaluator", "Explorer", "FBNetV2", "FlashError",
    "FleetResult", "Hurricane", "Layer", "LayerTarget", "MCUNet", "MeasuredChoices", "Measurement",
    "MethodOption", "MobileNetV2", "MobileNetV3", "Network", "NetworkSpace", "Option", "PNASCells",
    "ParetoFront", "Plugin", "PredictorEvaluator", "Problem", "Range", "ResNet", "SearchResult",
    "SearchSpace", "Sensitivities", "Stage", "Suggestion", "Supernet", "SupernetEvaluator",
    "SweepResult", "Table", "TableEvaluator", "Target", "Task", "Together", "TrainingEvaluator",
    "ViT", "WideResNet", "best_measured", "build_info", "calibrate", "calibration_design", "choose",
    "compare", "evaluate", "explore", "export_measuring", "layer_harness", "load_weights",
    "measure", "nn_degree", "nn_mass", "pareto", "plugins", "quantised", "register", "report",
    "search", "sensitivities", "space_for", "suggest", "sweep", "targets", "tell", "together",
    "train", "train_supernet", "zero_cost_scores",
    "__version__",
]  # fmt: skip


if not TYPE_CHECKING:  # a checker would take any name for one

    def __getattr__(name):
        home = _HOME.get(name)
        if home is None:
            if name.startswith("_"):
                raise AttributeError(f"module 'flash' has no attribute {name!r}")
            import sys

            from .base.missing import NoAttributeError

            raise NoAttributeError("module 'flash'", name, sys.modules[__name__])
        if name == "search":
            _open(_WAY)
            _settle()
        # not importlib: importing that package alone takes as long as some of what it would import
        value = getattr(__import__("flash." + home, fromlist=[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)


# What a search imports, each after what it needs itself; packages end in a dot.
_WAY = (
    *("_version", "errors.", "base.", "base.checks", "base.record", "base.names"),
    *("_core.", "networks.", "networks.families", "spaces."),
    *(
        "spaces.index",
        "spaces.choices",
        "spaces.plan",
        "spaces.tabled",
        "spaces.space",
        "hardware.target",
    ),
    *("hardware.", "hardware._format", "problem.", "problem.compiling"),
    *("problem.objective", "results.", "results.result", "solving.", "solving.options"),
    *("solving.run", "searching"),
)
# What the command line reads a search with, and what it imports then to print the result.
_READ = ("errors.", "cli.read", "cli.options", "cli.common", "cli.words")
_SHOWN = (
    *("results.screen", "networks.layer", "networks.architecture"),
    *("networks.operations", "networks.builders", "spaces.codec"),
    *("hardware._units", "hardware._parts", "hardware._classes", "hardware._flags"),
    *("hardware.costing", "hardware._notes", "hardware._prediction", "results.binding"),
)
# And on a terminal: what waits for a second, and colours.
_WATCHED = ("results.event", "solving.watching")
_TINTED = ("base.terminal", "cli.colours")
_YOUNG = 150  # modules of a process that has just begun, at most; Python's own start loads 40
_FROZEN = 500  # objects that are frozen then, at most; Python 3.12 freezes 375 of its own


def _open(way: tuple[str, ...]) -> None:
    """Import modules of a way, each from its place.

    Looked for by the import system, in folder after folder, they take a tenth of what Python itself
    does to start. What is imported then is the same; where one is not in its place, it tells.
    """
    import gc
    import sys
    from os import stat

    modules = sys.modules
    collects = gc.isenabled()
    gc.disable()  # modules and classes stay: each round of it would look at all of them in vain
    try:
        from _frozen_importlib import _load_unlocked as load  # type: ignore[attr-defined]
        from _frozen_importlib import _ModuleLockManager as Lock  # type: ignore[attr-defined]
        from _frozen_importlib import module_from_spec
        from _frozen_importlib_external import spec_from_file_location as spec_of

        for name in way:
            full = "flash." + name.removesuffix(".")
            place = f"{__path__[0]}/{name.replace('.', '/')}"
            spec: Any
            with Lock(full):
                if full in modules:
                    pass
                elif name[-1] == ".":
                    file = place + "__init__.py"
                    spec = spec_of(full, file, submodule_search_locations=[place[:-1]])
                    if stat(file).st_size:
                        load(spec)
                    else:
                        modules[full] = module_from_spec(spec)
                else:
                    load(spec_of(full, place + ".py"))
    except (ImportError, OSError):  # the import that follows says what is wrong
        pass
    finally:
        if collects:
            gc.enable()
    for name in way:
        above, _, own = f"flash.{name.removesuffix('.')}".rpartition(".")
        if above in modules and f"{above}.{own}" in modules:
            setattr(modules[above], own, modules[f"{above}.{own}"])


def _settle() -> None:
    """Take what a process that has just begun has loaded out of the collector's rounds.

    Modules and classes stay to its end, where Python would go over all of them once more: a sixth
    of what it takes to start. A process that has run for a while may hold garbage, which would stay
    as well: it is left as it is, and so is one in which somebody else has frozen or stopped.
    """
    import gc
    import sys

    begun = len(sys.modules) < _YOUNG and gc.get_freeze_count() < _FROZEN
    if begun and gc.isenabled() and not gc.get_stats()[2]["collections"]:
        gc.freeze()


def _require_core() -> None:
    """There is no slow twin to fall back to: say at once that the core is missing."""
    from _imp import extension_suffixes
    from os.path import exists

    folder = __path__[0] + "/_core"
    if not any(exists(f"{folder}/search/exact{suffix}") for suffix in extension_suffixes()):
        from .base.core_missing import core_missing

        raise core_missing(folder)


_require_core()
