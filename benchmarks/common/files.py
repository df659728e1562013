"""Where the benchmarks keep what they measure, and files written in one step."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parent
RESULTS = HERE / ".results"
TESTS = ROOT / "tests"
ACCURACIES = TESTS / "data" / "accuracies"  # extracts of published tables
PICTURES = "pictures"  # of RESULTS.md, beside it


def write_json(path: Path, data: Any) -> None:
    """Write JSON in one step, so that no reader sees half a file."""
    write_bytes(path, (json.dumps(data, indent=1) + "\n").encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
