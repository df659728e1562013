"""Weights of a network in a file: an ``.npz`` of plain arrays, which holds no code.

Each entry of a module's state_dict is an array of its name; one more, ``__flash__``, is a text in
JSON that says what they are weights of. Numbers that numpy lacks (bfloat16) are kept as integers of
the same bits, and the text says so.
"""

from __future__ import annotations

import os

from ..base.checks import path_of, public, shown, write_bytes_atomic
from ..errors import ArgumentError, ArgumentTypeError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeVar

    M = TypeVar("M")

__all__ = ["ABOUT", "load_weights", "read_weights", "weights_facts", "write_weights"]

ABOUT = "__flash__"
FORMAT = 1
BITS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64"}
MAX_TOLD = 3


def write_weights(path: str, state: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write a state_dict so that the file is always a whole one, the former or the new.

    The same weights and facts give the same bytes.

    Raises
    ------
    ArgumentError
        If something in it is no tensor.
    OSError
        If it cannot be written.
    """
    import io
    import json
    import zipfile

    import numpy as np

    arrays, kinds = {}, {}
    for name, value in state.items():
        if not hasattr(value, "detach"):
            raise ArgumentError(f"weights must be tensors, {name!r} is a {type(value).__name__}")
        tensor = value.detach().cpu().contiguous()
        try:
            arrays[name] = tensor.numpy()
        except TypeError:
            import torch

            kinds[name] = str(tensor.dtype).removeprefix("torch.")
            arrays[name] = tensor.view(getattr(torch, BITS[tensor.element_size()])).numpy()
    text = json.dumps({"format": FORMAT, **facts, "kinds": kinds}, sort_keys=True)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, array in {**arrays, ABOUT: np.array(text)}.items():
            with file.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as part:
                np.lib.format.write_array(part, array, allow_pickle=False)
    write_bytes_atomic(path, buffer.getbuffer(), durable=True)


def read_weights(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a file's arrays as tensors, by name, and what it says of them.

    An ``.npz`` of flash, or a ``.pt`` file with a state_dict; no code in either is run.

    Raises
    ------
    FormatError
        If the file is no such file.
    OSError
        If it cannot be read.
    """
    path = path_of("weights", path)
    if os.path.isdir(path):
        raise ArgumentError(f"weights must be a file, {path!r} is a folder")
    if path.lower().endswith((".pt", ".pth")):
        return _of_torch(path), {}
    import torch

    arrays, facts = _of_numpy(path)
    kinds = facts.get("kinds", {})
    found = {}
    for name, array in arrays.items():
        try:
            tensor = torch.from_numpy(array)
            found[name] = tensor.view(getattr(torch, kinds[name])) if name in kinds else tensor
        except (TypeError, AttributeError, RuntimeError) as error:
            raise FormatError(f"the weights {path!r} cannot be read: {name}: {error}") from None
    return found, facts


def weights_facts(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a file of weights says of them: the network, how images are normalised."""
    return _of_numpy(path_of("weights", path), bare=True)[1]


def _of_numpy(path: str, bare: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    import zipfile

    import numpy as np

    from ..base.checks import parse_json

    try:
        opened = np.load(path, allow_pickle=False)
        if not hasattr(opened, "files"):  # a single array
            raise FormatError(f"{path!r} holds no weights that flash kept")
        with opened as file:
            if ABOUT not in file.files:
                raise FormatError(f"{path!r} holds no weights that flash kept")
            text = str(file[ABOUT])
            names = [name for name in file.files if name != ABOUT]
            arrays = {} if bare else {name: file[name] for name in names}
    except OSError:
        raise
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"the weights {path!r} cannot be read: {error}") from None
    facts = parse_json(text, path)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise FormatError(f"the weights {path!r} are of another format than {FORMAT}")
    return arrays, facts


def _of_torch(path: str) -> dict[str, Any]:
    import io

    import torch

    with open(path, "rb") as file:
        raw = file.read()
    try:
        state = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a file that is none makes torch raise
        raise FormatError(f"the weights {path!r} cannot be read: {_line(error)}") from None
    if not isinstance(state, dict) or not all(hasattr(one, "detach") for one in state.values()):
        raise FormatError(f"the weights {path!r} must be a state_dict of tensors")
    return dict(state)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


@public
def load_weights(module: M, path: str | os.PathLike[str]) -> M:
    """Put weights from a file into a torch module.

    Parameters
    ----------
    module : torch.nn.Module
        Of the network that the weights are of: what its ``to_torch()`` returns, or any other with
        the same names and shapes. It is changed.
    path : path
        An ``.npz`` file that `flash.train` kept, or a ``.pt`` file with a state_dict. Neither runs
        code.

    Returns
    -------
    torch.nn.Module
        The module, in evaluation mode.

    Raises
    ------
    ArgumentError
        If the weights are of another network; the message says what differs. The module is as it
        was.
    FormatError
        If the file holds no weights.
    MissingExtraError
        If torch is not installed.
    """
    from ..base.extras import require

    torch = require("load_weights()", "torch", "torch")
    made: Any = module
    if not isinstance(made, torch.nn.Module):
        raise ArgumentTypeError(f"module must be a torch module, got {shown(module)}")
    state, _ = read_weights(path)
    own = made.state_dict()
    wrong = [f"it lacks {name!r}" for name in own if name not in state]
    wrong += [f"it has {name!r}, the module has not" for name in state if name not in own]
    wrong += [
        f"{name!r} is {tuple(state[name].shape)}, in the module {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    why = "; ".join(wrong[:MAX_TOLD])
    if len(wrong) > MAX_TOLD:
        why += f"; and {len(wrong) - MAX_TOLD} more differences"
    if not wrong:
        kept = {name: one.clone() for name, one in own.items()}
        try:
            made.load_state_dict(state)
        except RuntimeError as error:  # other links
            with torch.no_grad():
                for name, one in own.items():
                    one.copy_(kept[name])
            why = _line(error) if "\n" not in str(error) else str(error).splitlines()[1].strip()
    if why:
        raise ArgumentError(
            f"weights must be of the module's network, {os.fspath(path)!r} is of another: {why}"
        )
    made.eval()
    return module
