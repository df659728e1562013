"""What is installed: the version, the licence, its data, the compiled core, the public names."""

from __future__ import annotations

import importlib
import importlib.machinery
import re
import shutil
import subprocess
import sys
from importlib.metadata import metadata, version
from pathlib import Path

import numpy as np
import pytest
from twins.places import ROOT

import flash
from flash.errors import CoreMissingError

PACKAGE = Path(flash.__file__).parent


def test_one_version_everywhere() -> None:
    assert flash.__version__ == version("flash-nas")
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert cited[1] == flash.__version__


def test_the_licence_is_mit() -> None:
    assert metadata("flash-nas")["License-Expression"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_typed_and_with_its_data() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert {path.stem for path in (PACKAGE / "data").glob("*.json")} >= set(flash.targets())


def test_every_core_module_is_compiled_and_has_a_stub() -> None:
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    built = [path for path in (PACKAGE / "_core").rglob("*") if path.name.endswith(suffixes)]
    assert built
    for path in built:
        name = path.name.split(".")[0]
        module = importlib.import_module(f"flash._core.{path.parent.name}.{name}")
        assert module.__file__ == str(path)
        assert path.with_name(f"{name}.pyi").exists(), name


def test_the_portable_build_keeps_its_promises() -> None:
    facts = flash.build_info()
    words = facts["flags"].split()
    assert facts["compiler"]
    assert facts["cython"]
    assert "-ffast-math" not in words
    assert "-Ofast" not in words
    assert "-ffp-contract=off" in words or "/fp:precise" in words
    if facts["switches"] == "none":
        assert "-O3" in words or "/O2" in words
        assert not any(word.startswith("-march") for word in words)


@pytest.mark.processes
def test_without_its_core_it_says_how_to_build_it(tmp_path: Path) -> None:
    compiled = shutil.ignore_patterns(*(f"*{s}" for s in importlib.machinery.EXTENSION_SUFFIXES))
    shutil.copytree(PACKAGE, tmp_path / "flash", ignore=compiled)
    done = subprocess.run(
        # -I would leave out the current folder; -S leaves out the installed flash.
        [sys.executable, "-S", "-c", "import flash"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert CoreMissingError.__name__ in done.stderr
    assert "pip install" in done.stderr, last
    assert issubclass(CoreMissingError, ImportError)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("other", "missing in .*; there is exact.cpython-27m-vax.so, for another Python or system"),
        ("native", "can't be used: built for a processor that has avx9999, vax_float"),
        ("version", "can't be used: it is of flash .*, and this is 9.9"),
        ("gone", "can't be used: .*shgo"),
        ("cut", "can't be used: .*shgo.*"),
    ],
)
def test_a_core_of_another_build_is_refused(tmp_path: Path, spoil: str, said: str) -> None:
    """Before anything of it could crash, and with what to do."""
    flash_here = tmp_path / "flash"
    shutil.copytree(PACKAGE, flash_here, ignore=shutil.ignore_patterns("__pycache__"))
    core = flash_here / "_core"
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    if spoil == "other":
        (core / "search" / f"exact{suffix}").rename(core / "search" / "exact.cpython-27m-vax.so")
    elif spoil == "native":
        (core / "native.txt").write_text("avx9999 vax_float\n")
        if not Path("/proc/cpuinfo").exists():
            pytest.skip("a processor's features are known on Linux only")
    elif spoil == "version":
        (flash_here / "_version.py").write_text('__version__ = "9.9"\n')
    elif spoil == "gone":
        (core / "search" / f"shgo{suffix}").unlink()
    else:
        (core / "search" / f"shgo{suffix}").write_bytes(b"\x7fELF")
    path = f"import sys; sys.path.append({str(Path(np.__file__).parents[1])!r}); "
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{path}import flash; flash.search"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"{CoreMissingError.__name__}: flash's compiled core" in done.stderr
    assert re.search(said, done.stderr), done.stderr
    assert "pip install" in done.stderr


def test_public_names_exist_and_no_module_hides_a_function() -> None:
    assert len(set(flash.__all__)) == len(flash.__all__)
    for name in flash.__all__:
        value = getattr(flash, name)
        if callable(value) and not isinstance(value, type):
            assert not (PACKAGE / f"{name}.py").exists(), name
            assert not (PACKAGE / name).is_dir(), name
    assert set(flash.__all__) <= set(dir(flash))
    with pytest.raises(AttributeError, match="serach"):
        flash.serach  # type: ignore[attr-defined]  # noqa: B018
