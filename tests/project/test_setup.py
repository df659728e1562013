"""What setup.py says where something that a build needs is not there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import setuptools
from twins.distributions import made_up
from twins.places import ROOT

SETUP = ROOT / "setup.py"
TEXT = SETUP.read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        sys.platform == "win32", reason="setuptools looks for the compiler on Windows"
    ),
]


def refused(
    *command: str, python: str = sys.executable, before: str = "pass", **environment: str
) -> str:
    """Run setup.py where it must refuse, and return what it says."""
    given = ["setup.py", *(command or ("build_ext",))]
    code = f"import runpy, sys; {before}; sys.argv = {given}; runpy.run_path('setup.py')"
    left = {name: value for name, value in os.environ.items() if name not in ("CC", "PYTHONPATH")}
    done = subprocess.run(
        [python, "-c", code],
        cwd=ROOT,
        env={**left, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith("\nflash can't be built: "), done.stderr
    return done.stderr


def a_package(folder: Path, name: str, body: str) -> str:
    """Return a folder in which a package is found before the real one."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(body)
    return str(folder)


def test_the_bounds_are_those_of_pyproject() -> None:
    found = re.search(r"^PYTHON, TOOLS = \((\d+), (\d+)\), (\{.+\})$", TEXT, re.MULTILINE)
    assert found is not None
    assert PROJECT["project"]["requires-python"] == f">={found[1]}.{found[2]}"
    tools = re.findall(r'"(\w+)": \(([\d, ]+)\)', found[3])
    lines = {f"{name.lower()}>={least.replace(', ', '.')}" for name, least in tools}
    assert lines == set(PROJECT["build-system"]["requires"])


def test_an_old_python() -> None:
    told = refused(before="sys.version_info = (3, 10, 4, 'final', 0)")
    assert "it needs Python 3.11 or later, and this is " in told
    assert sys.executable in told


def test_no_setuptools_and_no_cython(tmp_path: Path) -> None:
    for name in ("setuptools", "Cython"):
        body = f"raise ModuleNotFoundError('no {name}')"
        folder = tmp_path / name.lower()
        folder.mkdir()
        told = refused(PYTHONPATH=a_package(folder, name, body))
        assert f"{name} is not installed for Python" in told
        assert "pip install 'setuptools>=77.0.3' 'cython>=3.1'" in told


@pytest.mark.parametrize(
    ("name", "version", "least"),
    [("Cython", "3.0.12", "3.1"), ("setuptools", "77.0.2", "77.0.3"), ("Cython", "0.29", "3.1")],
)
def test_an_old_tool(tmp_path: Path, name: str, version: str, least: str) -> None:
    path = a_package(tmp_path, name, f"__version__ = {version!r}")
    told = refused(PYTHONPATH=path)
    assert f"it needs {name} {least} or later, not {version}" in told


def test_no_compiler(tmp_path: Path) -> None:
    told = refused(CC="/there/is/no-cc -m64")
    assert "it needs a C compiler, and '/there/is/no-cc', which CC names, is not there" in told
    assert "apt-get install gcc" in told
    assert "install a wheel of flash, which needs none" in told
    told = refused(PATH=str(tmp_path))
    own = str(sysconfig.get_config_var("CC")).split()[0]
    if not Path(own).is_absolute():
        assert f"it needs a C compiler, and {own!r} is not there" in told


def test_no_headers(tmp_path: Path) -> None:
    hide = f"import sysconfig; sysconfig.get_path = lambda name: {str(tmp_path)!r}"
    told = refused(before=hide, CC=sys.executable)
    assert f"there is no {tmp_path}/Python.h" in told
    assert "python3-dev" in told


@pytest.mark.skipif(not (ROOT / "flash").exists(), reason="the sources are not here")
def test_packing_needs_no_compiler(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "CC": "/there/is/no-cc"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return the Python and the packages' folder of a new environment that can build."""
    folder = tmp_path_factory.mktemp("environment")
    made = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(made, check=True, timeout=120)
    python = str(folder / "bin" / "python")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    packages = Path(site.stdout.strip())
    (packages / "borrowed.pth").write_text(str(Path(setuptools.__file__).parents[1]) + "\n")
    return python, packages


@pytest.mark.parametrize("command", ["bdist_wheel", "editable_wheel", "install"])
def test_lightning_flash_is_told_by_name(environment: tuple[str, Path], command: str) -> None:
    """In an environment where it is installed, before anything is built."""
    python, packages = environment
    if not (packages / "lightning_flash-0.8.2.dist-info").exists():
        made_up(packages, "lightning-flash", "0.8.2", top_level="flash\n")
    told = refused(command, python=python)
    assert "lightning-flash 0.8.2 (Lightning Flash) is installed in " in told
    assert "pip uninstall lightning-flash" in told
    assert "FLASH_OVERWRITE=1" in told


def test_overwriting_is_a_choice_and_own_metadata_is_none(
    environment: tuple[str, Path], tmp_path: Path
) -> None:
    python, packages = environment
    for name, version in (("lightning-flash", "0.8.3"), ("flash-nas", "0.2.0")):
        made_up(packages, name, version, top_level="flash\n")
    # Past that check it stops at the next thing that lacks.
    hide = "sys.modules['Cython.Build'] = None"
    code = f"import runpy, sys; {hide}; sys.argv = ['setup.py', 'bdist_wheel']; "
    code += "runpy.run_path('setup.py')"
    env = {**os.environ, "FLASH_OVERWRITE": "1"}
    done = subprocess.run([python, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert "Cython.Build" in done.stderr
    assert "lightning" not in done.stderr
    for info in packages.glob("lightning_flash-*"):
        shutil.rmtree(info)
    env["FLASH_OVERWRITE"] = "0"
    done = subprocess.run([python, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True)
    assert "Cython.Build" in done.stderr
    assert "flash can't be built" not in done.stderr
