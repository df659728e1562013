"""Jobs that are killed at random moments lose nothing: `twins.kills`, a few kills of each.

FLASH_KILLS=100 for more of them.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from twins import kills
from twins.processes import environment


def run(name: str, count: str) -> str:
    done = subprocess.run(
        [sys.executable, kills.__file__, name, os.environ.get("FLASH_KILLS", count)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("name", ["sweep", "compare"])
def test_nothing_is_lost(name: str) -> None:
    if name == "sweep":
        pytest.importorskip("pyarrow")
    assert f"{name}: " in run(name, "4")


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("name", ["train", "train_supernet", "calibrate"])
def test_nothing_that_was_trained_or_measured_is_lost(name: str) -> None:
    if name == "calibrate":
        pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
    assert f"{name}: " in run(name, "2")


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_job_that_loses_lines_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge itself: a job that starts its journal anew each time."""

    def forgetful(folder: kills.Path) -> str:
        import time

        with (folder / "journal.jsonl").open("w") as file:
            for _ in range(20):
                file.write("{}\n")
                file.flush()
                time.sleep(0.01)
        return "done"

    monkeypatch.setitem(kills.JOBS, "forgetful", forgetful)
    with pytest.raises(AssertionError, match="lost lines"):
        kills.kill("forgetful", 30)
