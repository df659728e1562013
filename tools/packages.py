"""What flash and some of its extras need, as pip takes it: make installs it beside the build.

    python tools/packages.py [EXTRA ...] > requirements.txt

An extra that names others of flash brings what they name.
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


def packages(project: dict[str, Any], extras: list[str]) -> Iterator[str]:
    """Yield each requirement of flash and of these extras once."""
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    own = re.compile(rf"{re.escape(project['name'])}\[([\w,-]+)\]")
    told: set[str] = set()
    for line in lines:  # grows
        more = own.fullmatch(line)
        if more is not None:
            for extra in more[1].split(","):
                lines += project["optional-dependencies"][extra]
        elif line not in told:
            told.add(line)
            yield line


if __name__ == "__main__":
    text = PYPROJECT.read_text(encoding="utf-8")
    print("\n".join(packages(tomllib.loads(text)["project"], sys.argv[1:])))
