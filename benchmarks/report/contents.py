"""What RESULTS.md holds. A new section is a module of `sections` and a line of `NAMES`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.report.section import Section

# in the order of the report
NAMES = (
    "quality",
    "search",
    "start",
    "compiling",
    "batch",
    "shgo",
    "scaling",
    "enumeration",
    "objective",
    "sweeps",
    "evaluating",
    "rows",
    "dask",
    "fronts",
    "front_peers",
    "fleet",
    "aarch64",
    "calibration",
    "targets",
    "mesh",
    "predictors",
    "training",
    "intervals",
    "predicted",
    "papers",
    "methods",
    "fewest",
    "supernets",
    "netadapt",
    "codesign",
    "precision",
    "blocks",
    "peers",
    "choices",
    "asked",
    "explorer",
)
# Whose claims stand first in the table of claims; all others follow as in the report.
CLAIMED_FIRST = (
    "search",
    "start",
    "peers",
    "choices",
    "shgo",
    "batch",
    "enumeration",
    "aarch64",
    "calibration",
)
# The fragments that are measured first, in this order; all others follow as in the report.
MEASURED_FIRST = (
    "start",
    "compile",
    "batch",
    "search",
    "shgo",
    "scaling",
    "enumerate",
    "objective",
    "predicted",
    "sweep",
    "evaluate",
    "whole",
    "rows",
    "dask",
    "fronts",
    "fleet",
    "plain_exact",
    "scipy_shgo",
    "scipy_de",
    "pymoo_peer",
    "optuna_peer",
    "nevergrad_peer",
    "cpsat",
    "highs",
    "choices",
)


def _ordered(names: Iterable[str], first: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: first.index(name) if name in first else len(first))


SECTIONS: dict[str, Section] = {
    name: import_module(f"benchmarks.report.sections.{name}").SECTION for name in NAMES
}
CLAIMED = [SECTIONS[name] for name in _ordered(NAMES, CLAIMED_FIRST)]
# each fragment's section, in the order of measuring
_OF = {fragment: section for section in SECTIONS.values() for fragment in section.fragments}
FRAGMENTS: dict[str, Section] = {name: _OF[name] for name in _ordered(_OF, MEASURED_FIRST)}
