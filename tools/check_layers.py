"""Imports go down the layers only: `python tools/check_layers.py`, a part of `make lint`.

Every import counts, whether a module's, a function's or one for type checkers alone. A package may
import what stands in a line above its own, and itself; packages of one line don't know each other.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "flash"

# From the ground up. docs/concepts/architecture.md says what each holds.
LAYERS = (
    ("errors", "_version"),
    ("base",),
    ("charts",),
    ("_core",),
    ("buildinfo",),
    ("networks",),
    ("spaces",),
    ("hardware",),
    ("predictors",),
    ("problem",),
    ("results",),
    ("choosing",),
    ("conditional",),
    ("solving",),
    ("evaluating",),
    ("codesign", "training"),
    ("sweeps", "fronts"),
    ("supernet", "precision"),
    ("evaluators",),
    ("suggesting",),
    ("methods",),
    ("fleets",),
    ("searching", "registering"),
    ("comparing",),
    ("exploring", "reporting"),
    ("cli",),
    ("__main__",),
)

# (module, what it imports): why. Methods that are sugar for a function of a higher layer.
EXCEPTIONS = {
    ("hardware.target", "evaluating"): "Target.costs is flash.evaluate on this target",
    ("spaces.blocks.space", "choosing"): "BlockSpace.choices is a problem for flash.choose",
    ("networks.cell_networks", "spaces"): "Net, for type checkers alone, is a network of any make",
    ("networks.network", "hardware"): "Network.to_torch and to_onnx are what measuring runs",
    ("results.steps", "fronts"): "SearchResult.sensitivity is flash.pareto of its own search",
}

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules() -> dict[str, Path]:
    """Return each Python module by its dotted name below flash ("" is the package itself)."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path, known: dict[str, Path]) -> list[tuple[str, int]]:
    """Return (module below flash, line) of each import of flash in a file."""
    package = name.split(".") if name else []
    if path.name != "__init__.py":
        package = package[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                head, _, rest = alias.name.partition(".")
                if head == "flash":
                    found.append((rest, node.lineno))
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = [*package[: len(package) - node.level + 1]]
                base += node.module.split(".") if node.module else []
            elif (node.module or "").split(".")[0] == "flash":
                base = (node.module or "").split(".")[1:]
            else:
                continue
            for alias in node.names:
                full = ".".join([*base, alias.name])
                below = full in known or full.startswith("_core.")
                found.append((full if below else ".".join(base), node.lineno))
    return found


def upward(known: dict[str, Path]) -> tuple[list[str], set[tuple[str, str]]]:
    """Return what breaks the rule, and which exceptions were needed."""
    wrong, used = [], set()
    for name, path in known.items():
        own = name.split(".")[0]
        if not own:  # the package itself: names for type checkers, loaded lazily
            continue
        if own not in LEVEL:
            wrong.append(f"{path}: in no layer; add {own!r} to LAYERS of tools/check_layers.py")
            continue
        for target, line in imported(name, path, known):
            other = target.split(".")[0]
            if own == other or (LEVEL.get(other, -1) < LEVEL[own] and other):
                continue
            if not other and own in ("cli", "__main__"):  # these use the public names alone
                continue
            if not other and target == "" and own != "":
                wrong.append(f"{path}:{line}: imports flash itself, which stands above")
            elif (name, other) in EXCEPTIONS:
                used.add((name, other))
            else:
                wrong.append(f"{path}:{line}: {own} imports {target}, which is not below it")
    return wrong, used


def main() -> int:
    wrong, used = upward(modules())
    wrong += [
        f"tools/check_layers.py: the exception {name} -> {other} is not needed any more"
        for name, other in EXCEPTIONS
        if (name, other) not in used
    ]
    print("\n".join(wrong) or f"{len(LAYERS)} layers, {len(used)} exceptions: imports go down only")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
