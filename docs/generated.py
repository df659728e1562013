"""A Sphinx extension that writes the reference: of Python and of the command line.

Both are of the package as it is: docstrings by autodoc, commands by what ``--help`` prints.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import flash

__all__ = ["COMMANDS", "GROUPS", "setup"]

# Every public name, by what one wants of it.
GROUPS: dict[str, tuple[str, ...]] = {
    "Searching": (
        *("search", "SearchResult", "pareto", "ParetoFront", "sweep", "SweepResult", "evaluate"),
        *("Table", "compare", "Comparison", "together", "Together", "FleetResult", "Problem"),
    ),
    "Spaces of the families": (
        *("SearchSpace", "DenseNet", "ResNet", "WideResNet", "MobileNetV2", "Range"),
        *("BypassSpace", "NetworkSpace", "PNASCells", "space_for"),
    ),
    "Spaces of blocks": (
        *("BlockSpace", "Stage", "Option", "BlockNetwork", "MobileNetV3", "ConvNeXt", "ViT"),
        *("Decoder", "MCUNet", "Hurricane", "FBNetV2"),
    ),
    "Networks": (
        *("Architecture", "Cell", "CellNetwork", "Network", "Layer", "nn_degree", "nn_mass"),
        "load_weights",
    ),
    "Targets and costs": (
        *("Target", "targets", "LayerTarget", "Cost", "calibrate", "calibration_design", "measure"),
        *("Measurement", "export_measuring", "layer_harness"),
    ),
    "Choices": (
        *("ChoiceProblem", "choose", "ChoiceResult", "ChoiceFront", "ChoiceSweep"),
        *("sensitivities", "Sensitivities", "best_measured", "MeasuredChoices", "quantised"),
    ),
    "Accuracy and training": (
        *("AccuracyPredictor", "suggest", "tell", "Suggestion", "train", "zero_cost_scores"),
        *("train_supernet", "Supernet"),
    ),
    "Methods and evaluators": (
        *("Evaluator", "PredictorEvaluator", "TableEvaluator", "TrainingEvaluator"),
        *("SupernetEvaluator", "Task", "MethodOption", "register", "plugins", "Plugin"),
    ),
    "Looking, and the rest": ("explore", "Explorer", "report", "build_info", "FlashError"),
}
# Pages that stand outside of docs/, and where the site has them.
ELSEWHERE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "README.md": "index.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
}
_LINK = re.compile(r"\[([^\]\[]*)\]\(((?:\.\./)+[^)#\s]+)((?:#[^)\s]*)?)\)")
COMMANDS = (
    *("search", "pareto", "sweep", "evaluate", "choose", "compare", "explore", "report"),
    *("measure", "calibrate", "cost", "targets", "train", "suggest", "tell", "fit", "export"),
    *("completion", "info"),
)


def python_page() -> str:
    """Return the page of every public name."""
    lines = ["# Python", "", "Every public name of `flash`. Its types are in the package: editors"]
    lines += ["complete what a call returns.", ""]
    for title, names in GROUPS.items():
        lines += [f"## {title}", ""]
        for name in names:
            thing = getattr(flash, name)
            kind = "class" if isinstance(thing, type) else "function"
            lines += ["```{eval-rst}", f".. auto{kind}:: flash.{name}"]
            if kind == "class":
                lines += ["   :members:", f"   :inherited-members: {_above(thing)}"]
            lines += ["```", ""]
    return "\n".join(lines)


def _above(thing: type) -> str:
    """Return the bases whose members every class has, which are told once, if at all."""
    plain = ("Record", "Reported", "Shown", "Exception", "ValueError", "TypeError", "object")
    return " ".join(one.__name__ for one in thing.__mro__ if one.__name__ in plain)


def command_page() -> str:
    """Return the page of every command, as it tells of itself."""
    lines = ["# Command line", "", "What `flash COMMAND --help` prints.", ""]
    lines += ["```text", helped(), "```", ""]
    for command in COMMANDS:
        lines += [f"## flash {command}", "", "```text", helped(command), "```", ""]
    return "\n".join(lines)


def helped(*words: str) -> str:
    """Return what a command prints of itself, 96 columns wide."""
    call = [sys.executable, "-m", "flash", *words, "--help"]
    env = {**os.environ, "COLUMNS": "96", "NO_COLOR": "1"}
    done = subprocess.run(call, env=env, capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def _write(app: Any) -> None:
    for name, text in (("python", python_page()), ("commands", command_page())):
        path = Path(app.srcdir) / "reference" / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def within(root: Path, folder: Path, text: str) -> str:
    """Return a page whose links out of docs/ lead to the site's own pages; what the site has none
    for is named instead."""
    docs = root / "docs"

    def led(match: re.Match[str]) -> str:
        words, place, part = match.groups()
        found = (folder / place).resolve()
        if found.is_relative_to(docs):
            return match[0]
        name = found.relative_to(root).as_posix()
        if name in ELSEWHERE:
            return f"[{words}]({os.path.relpath(docs / ELSEWHERE[name], folder)}{part})"
        return f"{words} (`{name}`)"

    return _LINK.sub(led, text)


def _read(app: Any, name: str, source: list[str]) -> None:
    docs = Path(app.srcdir)
    source[0] = within(docs.parent, (docs / name).parent, source[0])


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx when the pages are written: before it looks for what there is."""
    app.connect("builder-inited", _write)
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
