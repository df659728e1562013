"""What a process loads: `import flash` costs nothing, and a search little more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import flash

if TYPE_CHECKING:
    from twins.processes import Run

# Imported by nothing on the way from `import flash` to a printed SearchResult. (`json`, which a
# target's file needs, brings `re` and `enum`.)
HEAVY = {
    "numpy", "scipy", "torch", "numba", "matplotlib", "pandas", "onnx", "dask",
    "dataclasses", "inspect", "typing", "pathlib", "argparse", "importlib.metadata", "tomllib",
    "difflib", "warnings", "logging", "unittest", "multiprocessing", "concurrent.futures",
    "flash.base.html", "flash.base.missing",
}  # fmt: skip
BUDGETS = "max_latency_ms=4.0, max_energy_mj=0.04, max_area_mm2=70.0"
LOADED = "import sys\nbefore = set(sys.modules)\n{}\nprint(*sorted(set(sys.modules) - before))"
# The peak of this process alone; ru_maxrss would start from that of the parent.
PEAK = """
try:
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
except OSError:
    import resource, sys
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak //= 1024 if sys.platform == "darwin" else 1
print(peak)
"""


def loaded(python: Run, code: str) -> set[str]:
    """Modules that `code` adds to those of a bare interpreter."""
    return set(python("-c", LOADED.format(code)).stdout.splitlines()[-1].split())


def test_import_loads_nothing_but_flash(python: Run) -> None:
    names = loaded(python, "import flash")
    foreign = {name for name in names if name.split(".")[0] not in ("flash", "cython_runtime")}
    assert {name for name in foreign if not name.startswith("_cython")} <= {"__future__"}


@pytest.mark.parametrize("space", ["densenet", "resnet", "wide-resnet"])
def test_a_search_loads_nothing_heavy(space: str, python: Run) -> None:
    code = f"import flash\nprint(flash.search('{space}', 'rram', {BUDGETS}))"
    assert not loaded(python, code) & HEAVY


def test_a_search_brings_no_part_of_the_standard_library_that_takes_long(python: Run) -> None:
    """Each would be paid for at every start: collections alone is a sixteenth of Python's own."""
    names = loaded(python, f"import flash\nflash.search('densenet', 'rram', {BUDGETS})")
    foreign = {name for name in names if name.split(".")[0] not in ("flash", "cython_runtime")}
    assert {name for name in foreign if not name.startswith("_cython")} <= {
        "__future__", "_json", "_operator", "gc"
    }  # fmt: skip


def test_a_search_loads_the_target_s_kind_of_model_alone(python: Run) -> None:
    names = loaded(python, f"import flash\nflash.search('densenet', 'rram', {BUDGETS})")
    kinds = {"rram", "cpu", "gpu", "systolic", "fpga"}
    assert {name.split(".")[-1] for name in names if "hardware." in name} & kinds == {"rram"}


def test_a_search_looks_for_none_of_its_modules_but_the_target_s_kind(python: Run) -> None:
    """`flash._WAY` lists those of a search in an order in which each finds what it imports."""
    code = f"import flash\nflash.search('densenet', 'rram', {BUDGETS})"
    log = python("-X", "importtime", "-c", code).stderr
    found = {line.rsplit("|", 1)[1].strip() for line in log.splitlines() if "|" in line}
    assert {name for name in found if name.startswith("flash")} == {"flash", "flash.hardware.rram"}


def test_the_way_of_a_search_is_no_longer_than_it_was() -> None:
    """A module more is a hundredth of what Python takes to start: shorten the way elsewhere."""
    assert len(flash._WAY) <= 31
    assert len(set(flash._WAY)) == len(flash._WAY)


def test_a_search_loads_the_modules_of_its_way_alone(python: Run) -> None:
    names = loaded(python, f"import flash\nflash.search('densenet', 'rram', {BUDGETS})")
    way = {f"flash.{name.removesuffix('.')}" for name in flash._WAY}
    core = {
        f"flash._core.{name}"
        for name in ("tables.tables", "model.compile", "search.exact", "search.shgo")
    }
    own = {name for name in names if name.split(".")[0] == "flash"}
    assert own == {"flash", "flash.hardware.rram"} | way | core


COLLECTOR = """
import gc, sys
{before}
had = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()
import flash
flash.search
assert (gc.isenabled(), gc.get_threshold()) == had[:2]
print(gc.get_freeze_count() - had[2])
"""


def test_what_a_young_process_has_loaded_is_frozen(python: Run) -> None:
    assert int(python("-c", COLLECTOR.format(before="")).stdout) > 1000


@pytest.mark.parametrize(
    "before",
    [
        "gc.collect()",  # it has run for a while
        "gc.disable()",
        "gc.freeze()",
        "from types import ModuleType\n"
        "for n in range(200): sys.modules[f'own{n}'] = ModuleType(f'own{n}')",
    ],
)
def test_a_process_with_a_past_is_left_as_it_is(before: str, python: Run) -> None:
    assert int(python("-c", COLLECTOR.format(before=before)).stdout) == 0


def test_the_collector_runs_again_where_a_module_can_t_be_opened(python: Run) -> None:
    code = """
import gc, flash
def refused(*_, **__): raise MemoryError
import _frozen_importlib_external as external
kept, external.spec_from_file_location = external.spec_from_file_location, refused
try: flash.search
except MemoryError: print(gc.isenabled())
"""
    assert python("-c", code).stdout.strip() == "True"


def test_opened_modules_are_as_if_imported(python: Run) -> None:
    code = f"""
import flash, sys
flash.search('densenet', 'rram', {BUDGETS})
opened = [f"flash.{{name.removesuffix('.')}}" for name in flash._WAY]
for name in opened:
    module = sys.modules[name]
    above, _, own = name.rpartition(".")
    assert getattr(sys.modules[above], own) is module, name
    assert module.__spec__.name == module.__name__ == name
    assert bool(module.__spec__.submodule_search_locations) == hasattr(module, "__path__")
    assert (module.__package__ == name) == hasattr(module, "__path__"), name
    assert not getattr(module.__spec__, "_initializing", False), name
import importlib
import flash.spaces.files, flash._core.search.exhaustive, flash._core.tables.tables as core
assert flash.spaces.files.SearchSpace is flash.SearchSpace
assert core.Tables is sys.modules["flash._core.tables.tables"].Tables
for name in opened:
    assert importlib.import_module(name) is sys.modules[name]
"""
    python("-c", code)


def test_a_search_on_a_cpu_loads_nothing_heavy(python: Run) -> None:
    code = "import flash\nprint(flash.search('mobilenet-v2', 'cpu-x86', max_latency_ms=20.0))"
    assert not loaded(python, code) & HEAVY


def test_a_refusal_loads_nothing_heavy(python: Run) -> None:
    code = "import flash\nprint(flash.search('densenet', 'rram', max_latency_ms=1e-6))"
    assert not loaded(python, code) & HEAVY


def test_the_command_line_loads_nothing_heavy_but_argparse(python: Run) -> None:
    words = ("search", "densenet", "rram", "--max-latency-ms", "4", "--max-area-mm2", "70")
    log = python("-X", "importtime", "-m", "flash", *words).stderr
    names = {line.rsplit("|", 1)[1].strip() for line in log.splitlines() if "|" in line}
    assert "flash.cli.main" in names
    # python -m itself loads runpy, and with it pkgutil, typing and warnings.
    assert not names & (HEAVY - {"argparse", "typing", "warnings", "inspect"})


def test_a_command_looks_for_no_module_that_it_prints_with(python: Run) -> None:
    """`flash._READ` and `flash._SHOWN` list them, each after what it needs itself."""
    words = ("search", "densenet", "rram", "--max-latency-ms", "4", "--max-area-mm2", "70")
    log = python("-X", "importtime", "-m", "flash", *words).stderr
    found = {line.rsplit("|", 1)[1].strip() for line in log.splitlines() if "|" in line}
    assert {name for name in found if name.startswith("flash")} == {
        "flash", "flash.cli", "flash.cli.main", "flash.hardware.rram"
    }  # fmt: skip
    assert not found & {"flash.networks.network", "flash.cli.compare", "math"}


def test_a_search_stays_within_50_mib(python: Run) -> None:
    bare = int(python("-c", PEAK).stdout)
    code = f"import flash\nflash.search('densenet', 'rram', {BUDGETS})\n{PEAK}"
    assert int(python("-c", code).stdout) - bare < 50 * 1024
