"""The lowest versions that pyproject.toml admits, as constraints for pip: `make minimum`.

    python tools/minimum.py [EXTRA ...] > constraints.txt

Takes what flash itself depends on, what builds it, and the named extras with those that they name.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
REQUIREMENT = re.compile(r"([\w-]+)(?:\[([\w,-]+)\])?(?:[>=]=([\d.]+))?(?: *;.*)?")


def requirements(pyproject: dict[str, Any], extras: list[str]) -> Iterator[tuple[str, str]]:
    """Yield (package, lower bound) of each requirement that has one."""
    project = pyproject["project"]
    lines = [*pyproject["build-system"]["requires"], *project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    for line in lines:
        parts = REQUIREMENT.fullmatch(line)
        if parts is None:
            raise SystemExit(f"{PYPROJECT.name}: a requirement with no lower bound alone: {line}")
        package, more, version = parts.groups()
        if package == project["name"]:
            yield from requirements(pyproject, more.split(","))
        elif version:
            yield package, version


def constraints(pyproject: str, extras: list[str]) -> list[str]:
    """Return ``name==version`` for each package; of several lower bounds, the highest."""
    lowest: dict[str, str] = {}
    for package, version in requirements(tomllib.loads(pyproject), extras):
        lowest[package] = max(lowest.get(package, version), version, key=numbers)
    return [f"{package}=={version}" for package, version in sorted(lowest.items())]


def numbers(version: str) -> tuple[int, ...]:
    """Return a version as numbers, so that 1.10 is above 1.9."""
    return tuple(int(part) for part in version.split("."))


if __name__ == "__main__":
    print("\n".join(constraints(PYPROJECT.read_text(encoding="utf-8"), sys.argv[1:])))
