"""Files of ``torch.export.save``, read without running anything that they hold. Imports torch.

Such a file is an archive of a graph as JSON and of weights. torch unpickles some of what may be in
it, calls functions by the names in the graph, and evaluates expressions of sizes: a file that has
more than operators of known libraries, plain weights and expressions of sizes is refused before
torch opens it.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ....base.checks import shown
from ....errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["load_exported"]

TARGET = re.compile(
    r"torch\.ops\.(aten|prims|prim|higher_order|quantized|quantized_decomposed|torchvision|torchao)"
    r"(\.[A-Za-z]\w*)+|_operator\.[a-z]\w*|math\.[a-z]\w*|torch\.(_sym|sym)_\w+"
)
NAMES = re.compile(r"[A-Za-z_]\w*")
KNOWN = re.compile(r"(s|u|zf|zuf|f)\d+|[A-Z][A-Za-z]*|int_oo|oo|floor|ceiling|sqrt|log|exp")
SIGNS = re.compile(r"[\w\s+\-*/%(),<>=&|~!]*")
SYMBOL = re.compile(
    r"Symbol\('((s|u|zf|zuf|f)\d+)'(, [a-z]+=(True|False|None))*\)"  # as sympy writes one
)
SIZES = "an expression of sizes"
MOST = 1 << 28  # bytes of a graph's JSON
UNPICKLED = ("custom_obj", "opaque_obj")  # constants that are made by running what the file says
FORCED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def load_exported(path: str) -> Any:
    """Return the ``torch.export.ExportedProgram`` of a file.

    Raises
    ------
    FormatError
        If it is no such file, or holds what would have to be run to be read.
    """
    where = f"the torch.export file {shown(path)}"
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive, where)
    except FormatError:
        raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise FormatError(f"{where} is no archive of torch.export.save: {error}") from None
    import torch

    try:
        with _weights_only():
            return torch.export.load(path)
    except MemoryError:
        raise
    except Exception as error:
        what = str(error).strip().partition("\n")[0] or type(error).__name__
        raise FormatError(f"torch {torch.__version__} cannot read {where}: {what}") from None


def _check(archive: zipfile.ZipFile, where: str) -> None:
    """Refuse an archive that holds what would have to be run."""
    graphs = []
    for info in archive.infolist():
        folder, _, name = info.filename.rpartition("/")
        if folder.endswith("data/constants") and name.startswith(UNPICKLED):
            raise FormatError(f"{where} holds an object that is not a tensor: {shown(name)}")
        if folder.endswith("models") and name.endswith(".json"):
            graphs.append(info)
    if not graphs:
        raise FormatError(
            f"{where} holds no graph: torch.export.save of torch 2.9 or later writes one "
            "(torch.save's files are code, and are not read)"
        )
    for info in graphs:
        if info.file_size > MOST:
            raise FormatError(
                f"{where}: its graph takes {info.file_size:,} bytes, at most {MOST:,}"
            )
        try:
            data = json.loads(archive.read(info))
        except (ValueError, RecursionError) as error:
            raise FormatError(f"{where}: its graph is not valid JSON: {error}") from None
        _check_graph(data, where)
    for info in archive.infolist():
        if info.filename.endswith("constants_config.json") and info.file_size <= MOST:
            text = archive.read(info).decode("utf-8", "replace")
            if any(f'"{name}' in text for name in UNPICKLED):
                raise FormatError(f"{where} holds an object that is not a tensor")


def _check_graph(data: Any, where: str) -> None:
    waiting = [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            for key, value in one.items():
                if key == "target" and "inputs" in one:
                    _check_target(value, where)
                elif key == "expr_str":
                    _check_sizes(value, where)
                else:
                    waiting.append(value)


def _check_target(name: Any, where: str) -> None:
    if not isinstance(name, str) or not TARGET.fullmatch(name) or "__" in name:
        raise FormatError(
            f"{where} calls {shown(name)}, which is no operator of torch that is read"
        )


def _check_sizes(text: Any, where: str) -> None:
    plain = SYMBOL.sub(r"\1", text) if isinstance(text, str) else "."
    if not (SIGNS.fullmatch(plain) and all(map(KNOWN.fullmatch, NAMES.findall(plain)))):
        raise FormatError(f"{where} must have {SIZES} where it has {shown(text)}")


@contextmanager
def _weights_only() -> Iterator[None]:
    """Have torch unpickle tensors and numbers only."""
    before = os.environ.get(FORCED)
    os.environ[FORCED] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FORCED]
        else:
            os.environ[FORCED] = before
