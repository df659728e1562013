"""A release: `make release PYTHONS="python3.11 python3.12 python3.13"`.

    python tools/release.py [--dist dist] [--unfinished] PYTHON ...
    python tools/release.py --number

From the tree it makes the source distribution, and from that alone, for each interpreter, a wheel.
Each wheel is installed into a new environment with nothing but what it depends on, finds the main
search's answer there, and passes tests/installed as they are in the source distribution. What a
page of an index would show, which files there are and which number they bear is looked at too. Only
when all of it held do the files appear in --dist, with their checksums; nothing is uploaded.

--number checks that all files name one version, and prints it. --unfinished is for trying it out:
the tree may have changes that are not committed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parent.parent
# Files of the repository that work on it alone.
LEFT_OUT = re.compile(
    r"\.github/.*|(.*/)?\.gitignore|\.pre-commit-config\.yaml|benchmarks/\.results/.*"
)
# What is compiled, and what says how: not in the tree.
MADE = (".so", ".pyd", "native.txt")
SEARCH = "densenet rram --max-latency-ms 4 --max-energy-mj 0.04 --max-area-mm2 70"
ANSWER = "NN-Degree 615.262", "proven optimal"
# What tests/installed needs beside flash; numpy and scipy are there.
TESTING = ("pytest", "hypothesis", "setuptools>=77.0.3")


class ReleaseError(Exception):
    """Something of a release is not as it has to be."""


def run(*command: str | os.PathLike[str], cwd: Path | None = None) -> str:
    """Return what a command prints; ReleaseError with its last words where it fails."""
    # Another environment's packages are none of a new one's.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        words = shlex.join(map(str, command))
        last = (done.stdout + done.stderr).strip()[-3000:]
        raise ReleaseError(f"{words} ended with {done.returncode}:\n{last}")
    return done.stdout


def number(root: Path) -> str:
    """Return the version that all of the tree's files name.

    Raises
    ------
    ReleaseError
        If CITATION.cff or CHANGELOG.md name another one or another day, or no day at all.
    """
    text = (root / "flash" / "_version.py").read_text(encoding="utf-8")
    version = text.split('"')[1]
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        raise ReleaseError(f"flash/_version.py: {version} is no number of a release")
    cited = (root / "CITATION.cff").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^(version|date-released): *['\"]?([^'\"\n]+)", cited, re.MULTILINE))
    if fields.get("version") != version:
        raise ReleaseError(f"CITATION.cff is of version {fields.get('version')}, not {version}")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^## \[?([\d.abrc]+)\]? - (\d{4}-\d\d-\d\d)$", changes, re.MULTILINE)
    )
    if version not in sections:
        raise ReleaseError(f"CHANGELOG.md has no line '## {version} - YYYY-MM-DD'")
    if fields.get("date-released") != sections[version]:
        raise ReleaseError(
            f"CITATION.cff says date-released {fields.get('date-released')}, "
            f"CHANGELOG.md {sections[version]}"
        )
    waiting = re.search(
        r"^## \[?Unreleased\]?\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL
    )
    if waiting is not None and waiting[1].strip():
        raise ReleaseError(
            "CHANGELOG.md: there are lines under Unreleased; they are of this release"
        )
    return version


def unlike(expected: Iterable[str], found: Iterable[str]) -> str:
    """Return what one set of files lacks and has too many, "" where they are the same."""
    wanted, there = {*expected}, {*found}
    parts = [f"lacks {some(wanted - there)}"] if wanted - there else []
    parts += [f"has {some(there - wanted)} too many"] if there - wanted else []
    return " and ".join(parts)


def some(names: set[str]) -> str:
    """Return the first of some names."""
    first = sorted(names)[:8]
    return ", ".join(first) + (f" and {len(names) - len(first)} more" if names - {*first} else "")


def check_sdist(path: Path, tracked: Sequence[str], version: str) -> list[str]:
    """Return the files of the package in a source distribution, when it holds the whole tree."""
    top = f"flash_nas-{version}"
    with tarfile.open(path) as archive:
        names = [one.name for one in archive.getmembers() if one.isfile()]
    inside = {name.removeprefix(f"{top}/") for name in names}
    made = {"PKG-INFO", "setup.cfg"} | {name for name in inside if ".egg-info/" in name}
    wrong = unlike((one for one in tracked if not LEFT_OUT.fullmatch(one)), inside - made)
    if wrong:
        raise ReleaseError(f"{path.name} {wrong}: see MANIFEST.in")
    return sorted(name for name in inside if name.startswith("flash/"))


def check_wheel(path: Path, package: Iterable[str], project: dict[str, Any], version: str) -> None:
    """Check a wheel: its files, that its core is compiled, and its metadata.

    Raises
    ------
    ReleaseError
        If something is missing or too much, or if an index would refuse or misread it.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        info = f"flash_nas-{version}.dist-info"
        text = archive.read(f"{info}/METADATA").decode()
        scripts = archive.read(f"{info}/entry_points.txt").decode()
    sources = (".pyx", ".pxd", ".h", ".c")
    plain = [name for name in names if name.startswith("flash/") and not name.endswith(MADE)]
    wrong = unlike((one for one in package if not one.endswith(sources)), plain)
    if wrong:
        raise ReleaseError(f"{path.name} {wrong}: see package-data in pyproject.toml")
    cores = {one.removesuffix(".pyx") for one in package if one.endswith(".pyx")}
    compiled = {one.partition(".")[0] for one in names if one.endswith(MADE[:2])}
    wrong = unlike(cores, compiled)
    if wrong:
        raise ReleaseError(f"{path.name} {wrong}: modules of the core")
    others = [one for one in names if not one.startswith(("flash/", f"{info}/"))]
    if others or any(one.endswith("native.txt") for one in names):
        raise ReleaseError(f"{path.name}: {others or 'a core for this processor alone'}")
    check_metadata(path.name, text, project, version)
    for name, home in project["scripts"].items():
        if f"{name} = {home}" not in scripts:
            raise ReleaseError(f"{path.name}: the command {name} is not there")


def check_metadata(file: str, text: str, project: dict[str, Any], version: str) -> None:
    """Check the metadata of a distribution against pyproject.toml."""
    fields = HeaderParser().parsestr(text)
    expected = {
        "Name": project["name"],
        "Version": version,
        "Summary": project["description"],
        "Requires-Python": project["requires-python"],
        "License-Expression": project["license"],
        "Description-Content-Type": "text/markdown",
    }
    for name, value in expected.items():
        if fields[name] != value:
            raise ReleaseError(f"{file}: {name} is {fields[name]}, not {value}")
    extras = fields.get_all("Provides-Extra", [])
    wrong = unlike(project["optional-dependencies"], extras)
    if wrong:
        raise ReleaseError(f"{file}: of the extras it {wrong}")
    bare = [one for one in fields.get_all("Requires-Dist", []) if ";" not in one]
    if sorted(bare) != sorted(project["dependencies"]):
        raise ReleaseError(f"{file}: it depends on {bare}, not on {project['dependencies']}")
    if not str(fields.get_payload()).startswith("# "):
        raise ReleaseError(f"{file}: its description is not README.md")


def build_sdist(tree: Path, folder: Path) -> Path:
    """Return the source distribution of a tree."""
    run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, tree)
    (path,) = folder.glob("*.tar.gz")
    return path


def build_wheel(python: str, sdist: Path, folder: Path) -> Path:
    """Return the wheel that an interpreter makes of a source distribution, as pip does."""
    run(python, "-m", "venv", folder / "builds")
    pip = [folder / "builds" / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "wheel", sdist)
    (path,) = (folder / "wheel").glob("*.whl")
    return path


def try_out(python: str, wheel: Path, sdist: Path, folder: Path, version: str) -> str:
    """Install a wheel into a new environment, search, run tests/installed; return what passed."""
    run(python, "-m", "venv", folder / "clean")
    binaries = folder / "clean" / "bin"
    pip = [binaries / "python", "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--only-binary", "numpy,scipy", wheel)
    run(*pip, "check")
    empty = folder / "empty"
    empty.mkdir()
    shown = run(binaries / "flash", "search", *SEARCH.split(), cwd=empty)
    if not all(part in shown for part in ANSWER):
        raise ReleaseError(f"{wheel.name} finds something else:\n{shown}")
    told = run(binaries / "flash", "--version", cwd=empty)
    if version not in told.split():
        raise ReleaseError(f"{wheel.name}: flash --version says {told}")
    facts = run(binaries / "flash", "info", cwd=empty)
    if not re.search(r"^switches +none$", facts, re.MULTILINE):
        raise ReleaseError(f"{wheel.name} was built with switches:\n{facts}")
    run(*pip, "install", "--quiet", *TESTING)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    shutil.rmtree(source / "flash")  # what is tested is what is installed
    quiet = ("-q", "-p", "no:cacheprovider", "-m", "not torch")
    shown = run(binaries / "python", "-m", "pytest", *quiet, "tests/installed", cwd=source)
    return shown.strip().splitlines()[-1]


def tracked(tree: Path, unfinished: bool) -> list[str]:
    """Return the files that belong to a tree; ReleaseError where it has changes."""
    changed = run("git", "status", "--porcelain", cwd=tree).strip()
    if changed and not unfinished:
        raise ReleaseError(f"there are changes that are not committed:\n{changed}")
    more = ("--others", "--exclude-standard") if unfinished else ()
    names = run("git", "ls-files", "--cached", *more, cwd=tree).split("\n")
    return [name for name in names if name and (tree / name).exists()]


def release(pythons: Sequence[str], dist: Path, unfinished: bool = False) -> None:
    """Make a release of this tree and lay it into a folder."""
    version = number(ROOT)
    names = tracked(ROOT, unfinished)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for python in pythons:
        if shutil.which(python) is None:
            raise ReleaseError(f"there is no interpreter {python}")
    with tempfile.TemporaryDirectory(prefix="flash-release-") as name:
        folder = Path(name)
        say(f"flash {version}: the source distribution")
        sdist = build_sdist(ROOT, folder / "sdist")
        package = check_sdist(sdist, names, version)
        files = [sdist]
        for i, python in enumerate(pythons):
            start = time.monotonic()
            room = folder / str(i)
            room.mkdir()
            say(f"{python}: builds a wheel of {sdist.name}")
            wheel = build_wheel(python, sdist, room)
            check_wheel(wheel, package, project, version)
            say(f"{python}: {wheel.name}, {wheel.stat().st_size / 1e6:.1f} MB; is tried out")
            passed = try_out(python, wheel, sdist, room, version)
            say(f"{python}: finds the answer; tests/installed: {passed}")
            say(f"{python}: {time.monotonic() - start:.0f} s")
            files.append(wheel)
        lay(files, dist)


def lay(files: Sequence[Path], dist: Path) -> None:
    """Put files into a folder, whole or not at all, with their checksums."""
    dist.mkdir(parents=True, exist_ok=True)
    for path in files:
        partial = dist / f".{path.name}.part"
        shutil.copyfile(path, partial)
        partial.replace(dist / path.name)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    partial = dist / ".SHA256SUMS.part"
    partial.write_text("".join(lines), encoding="utf-8")
    partial.replace(dist / "SHA256SUMS")
    say(f"{dist}: {', '.join(path.name for path in files)}, SHA256SUMS")


def say(text: str) -> None:
    """Print a step at once: the next one takes minutes."""
    print(text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a release; exit code 1 where something is not as it has to be."""
    parser = argparse.ArgumentParser(prog="tools/release.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help="interpreters, one wheel each")
    parser.add_argument("--number", action="store_true", help="only check and print the version")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="folder of the files")
    parser.add_argument("--unfinished", action="store_true", help="take uncommitted changes too")
    given = parser.parse_args(arguments)
    if given.number == bool(given.pythons):
        parser.error("name interpreters, or give --number")
    try:
        if given.number:
            print(number(ROOT))
            return 0
        release(given.pythons, given.dist, given.unfinished)
    except ReleaseError as error:
        print(f"no release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
