"""Source code that flash wrote, run as a module of its own beside what it was written of."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["RUFF", "formatted", "imports_of", "run", "same"]

IMPORTED = {"__future__", "collections", "collections.abc", "typing", "torch", "torch.nn"}
RUFF = shutil.which(
    "ruff", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)


def formatted(folder: Path) -> None:
    """Check that ruff finds nothing in the files of a folder, and would change nothing."""
    for words in (
        ["format", "--check"],
        ["check", "--select", "E,F,W,B,I,UP,RET,SIM,PIE,C4"],
    ):
        command = [str(RUFF), *words, "--isolated", "--no-cache", "--line-length", "100"]
        done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def imports_of(text: str) -> set[str]:
    """Return the modules that a text imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            found.add(str(node.module))
    return found


def run(path: Path) -> Any:
    """Return the class of a file.

    Not by way of an import: a file that is written anew within a second and at the same length
    would be given the bytecode of the one before.
    """
    text = path.read_text()
    names: dict[str, Any] = {"__name__": f"written_{path.stem}"}
    exec(compile(text, path, "exec", dont_inherit=True), names)
    last = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)][-1]
    return names[last.name]


def same(net: Any, path: Path) -> str:
    """Write a network's code, and compare its module with that of `to_torch`, bit for bit: names,
    weights from a seed, and what it computes in training and in evaluation of the same weights."""
    import torch
    from torch import nn

    text: str = net.to_torch_code(path)
    assert path.read_text() == text
    assert imports_of(text) <= IMPORTED
    own = net.to_torch(seed=5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        other = run(path)()
        mine, its = own.state_dict(), other.state_dict()
        assert list(mine) == list(its)
        assert all(torch.equal(mine[name], its[name]) for name in mine)
        for one in own.modules():  # as if it had been trained
            if isinstance(one, nn.BatchNorm2d) and one.affine:
                nn.init.uniform_(one.weight, 0.5, 2)
                nn.init.normal_(one.bias)
        other.load_state_dict(own.state_dict())
        tokens = len(net.input_shape if hasattr(net, "input_shape") else (3, 1, 1)) == 1
        shape = net.input_shape if hasattr(net, "input_shape") else (3, *2 * (net.resolution,))
        x = torch.randint(0, 7, (2, *shape)) if tokens else torch.randn(2, *shape)
        for module in (own, other):
            module.train()
        for _ in range(2):
            results = []
            for module in (own, other):
                torch.manual_seed(1)  # of dropouts
                found = module(x)
                results += list(found) if isinstance(found, tuple) else [found]
            half = len(results) // 2
            assert all(map(torch.equal, results[:half], results[half:]))
            own.eval()
            other.eval()
    return text
