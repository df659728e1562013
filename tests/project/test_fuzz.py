"""A short run of what `make fuzz` does at length."""

from __future__ import annotations

import pytest
from twins.fuzz import READERS, fuzz

INPUTS = 150


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in READERS if name != "onnx"])
def test_damaged_texts(name: str) -> None:
    assert fuzz(name, INPUTS, seed=1) > INPUTS // 3


@pytest.mark.slow
@pytest.mark.torch
def test_damaged_onnx_files() -> None:
    assert fuzz("onnx", INPUTS, seed=1) > INPUTS // 3
