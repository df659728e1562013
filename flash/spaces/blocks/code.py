"""Networks of blocks as source code that needs torch alone: ``BlockNetwork.to_torch_code``.

A block's module is read: torch's own layers, in `nn.Sequential`, and flash's parts. Each is made
anew from what was read of it and compared, so that nothing is written which is another module.
"""

from __future__ import annotations

from keyword import iskeyword
from textwrap import wrap

from ...errors import ArgumentError
from ...networks.writing.part import MADE_WITH
from ...networks.writing.torch_code.cells import counts, same_weights
from ...networks.writing.torch_code.file import Written, class_name
from ...networks.writing.torch_code.layout import Group, call, flat, laid_out, raw, statement
from ...networks.writing.torch_code.rows import bits_told, of_network
from ...networks.writing.torch_code.source import Source
from .modules import on_meta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from torch import nn

    from .fragments import Fragment
    from .network import BlockNetwork

__all__ = ["of_block_network"]

REPEATED = 3  # blocks alike, from which on they are a loop
# What is a pair in a layer, and may be told as one number.
PAIRS = ("kernel_size", "stride", "padding", "dilation", "output_padding")
PLAIN = (bool, int, float, str, type(None))


def of_block_network(net: BlockNetwork, about: Sequence[str]) -> Written:
    """Return the source code of the module of a network of blocks.

    Raises
    ------
    ArgumentError
        If a block is made of something else than torch's layers and flash's parts.
    """
    modules = [(name, on_meta(fragment.module)) for name, fragment in net.named()]
    if any(module is None for _, module in modules):
        return _of_rows(net, about)
    reader = _Reader()
    blocks = [
        (name, reader.read(module, name), module) for name, module in modules if module is not None
    ]
    own = all(_made_by(fragment).__module__.startswith("flash.") for _, fragment in net.named())
    text = "    def __init__(self) -> None:\n        super().__init__()\n"
    for kind, names in reader.arguments.items():
        text += "".join(f"        # {line}\n" for line in wrap(f"{kind}({', '.join(names)})", 90))
    text += _blocks([(name, made) for name, made, _ in blocks])
    for name, _, module in blocks:
        if getattr(module, "flash_joined", None) is not None:  # weights of another block
            text += f"        self.{name}.flash_joined(self)\n"
    return Written(
        class_name(net.family, reader.source.names),
        "nn.Sequential",
        _about(net, about, own),
        tuple(reader.imports),
        reader.source,
        [],
        text,
    )


def _made_by(fragment: Fragment) -> Any:
    """Return the function that gives a block's module."""
    option = fragment.variant.option
    assert option is not None
    return option.module or option.build


def _about(net: BlockNetwork, about: Sequence[str], seeded: bool) -> list[str]:
    shape = " x ".join(map(str, net.input_shape))
    tokens = len(net.input_shape) == 1
    reads = f"sequences of {shape} tokens" if tokens else f"inputs of {shape}"
    weights = same_weights("BlockNetwork", seeded)
    if not seeded:
        weights += " It begins with the weights that torch gives its layers."
    return [
        f"{net.family}: {len(net.blocks)} blocks; {reads}, {net.num_classes:,} classes.",
        "\n".join(_listed(net)),
        counts(net.params, net.macs, "sequence" if tokens else "input"),
        *about,
        *bits_told(net.network()),
        weights,
    ]


def _listed(net: BlockNetwork) -> list[str]:
    """Return a line for each stage: its blocks."""
    told: dict[str, list[str]] = {}
    for stage, label, channels in net.blocks:
        told.setdefault(f"{stage}, {channels} channels", []).append(label)
    return [f"  {stage}: {_counted(labels)}" for stage, labels in told.items()]


def _counted(labels: Sequence[str]) -> str:
    """Return labels, those that are repeated as "4 x mb kernel 3"."""
    runs: list[list[Any]] = []
    for label in labels:
        if runs and runs[-1][1] == label:
            runs[-1][0] += 1
        else:
            runs.append([1, label])
    return "; ".join(label if count == 1 else f"{count} x {label}" for count, label in runs)


def _blocks(blocks: Sequence[tuple[str, Group]]) -> str:
    """Return the statements that add the blocks; those that are alike in a loop."""
    text, at = "", 0
    while at < len(blocks):
        name, made = blocks[at]
        stem, _, number = name.rpartition("_")
        count = 1
        if number.isdigit():
            first = int(number)
            same = flat(made)
            while at + count < len(blocks):
                other, again = blocks[at + count]
                if other != f"{stem}_{first + count}" or flat(again) != same:
                    break
                count += 1
        if count < REPEATED:
            text += _added(name, made)
            at += 1
            continue
        text += f"        for number in range({int(number)}, {int(number) + count}):\n"
        added = call("self.add_module", [raw(f'f"{stem}_{{number}}"'), made])
        text += laid_out(added, 12) + "\n"
        at += count
    return text


def _added(name: str, made: Group) -> str:
    if iskeyword(name):
        return laid_out(call("self.add_module", [name, made]), 8) + "\n"
    return statement(f"self.{name}", made, 8)


def _of_rows(net: BlockNetwork, about: Sequence[str]) -> Written:
    """Return a network some of whose options tell layer rows alone: a table of its rows."""
    from .modules import flattened

    *_, (_, end) = net.named()
    try:
        found = of_network(net.network(), [], "Rows")
    except ArgumentError as error:
        name = next(name for name, fragment in net.named() if on_meta(fragment.module) is None)
        said = str(error).removeprefix("to_torch_code(): ")
        raise ArgumentError(
            f"to_torch_code(): block {name} has layer rows and no module, and {said}"
        ) from None
    about = _about(net, about, True)
    if not flattened(net.network(), end.shape_out):
        return found.replace(name=class_name(net.family), about=about)
    rows = f'class Rows(nn.Module):\n    """The rows of its layers."""\n\n{found.body}'
    body = "    def __init__(self) -> None:\n        super().__init__(Rows(), nn.Flatten())\n"
    return found.replace(
        name=class_name(net.family), base="nn.Sequential", about=about, tables=[rows], body=body
    )


class _Reader:
    """Reads modules as the expressions that make them."""

    def __init__(self) -> None:
        self.source = Source()
        self.imports: set[str] = set()
        self.arguments: dict[str, list[str]] = {}  # of parts: what is told of them
        self._seen: set[int] = set()

    def read(self, module: nn.Module, where: str) -> Group:
        """Return what makes a module."""
        from torch import nn

        if id(module) in self._seen:
            raise _refused(where, module, "stands in two places")
        self._seen.add(id(module))
        for weight in module.parameters(recurse=False):
            if id(weight) in self._seen:
                raise _refused(where, module, "has weights of another module")
            self._seen.add(id(weight))
        for hooks in ("_forward_hooks", "_forward_pre_hooks"):
            if getattr(module, hooks):
                raise _refused(where, module, "has hooks")
        kind = type(module)
        if MADE_WITH in module.__dict__ and kind.__module__.startswith("flash."):
            return self._part(module, where)
        if kind is nn.Sequential:
            return self._sequential(module, where)
        if getattr(nn, kind.__name__, None) is kind:
            return self._layer(module, where)
        raise _refused(where, module, f"is a class of {kind.__module__}")

    def _part(self, module: nn.Module, where: str) -> Group:
        kind = type(module)
        places, keywords = getattr(module, MADE_WITH)
        self._compare(where, module, lambda: kind(*places, **keywords))
        self.source.add(kind.__module__, [kind.__name__])
        from inspect import signature

        names = list(signature(kind.__init__).parameters)[1 : 1 + len(places)]
        if len(names) > len(self.arguments.get(kind.__name__, ())):
            self.arguments[kind.__name__] = names
        return call(kind.__name__, places, keywords)

    def _sequential(self, module: nn.Module, where: str) -> Group:
        if module._parameters or module._buffers:
            raise _refused(where, module, "has weights of its own")
        made = {
            name: self.read(one, f"{where}.{name}")
            for name, one in module._modules.items()
            if one is not None
        }
        if list(made) == [str(number) for number in range(len(made))]:
            return call("nn.Sequential", list(made.values()))
        if not all(name.isidentifier() and not iskeyword(name) for name in made):
            raise _refused(where, module, f"has modules that are called {', '.join(made)}")
        self.imports.add("from collections import OrderedDict")
        return call("nn.Sequential", [call("OrderedDict", (), made)])

    def _layer(self, module: nn.Module, where: str) -> Group:
        """Return a layer of torch: its attributes are called as what it was made with."""
        from inspect import Parameter, signature

        from torch import nn

        kind: Any = type(module)
        places: list[Any] = []
        keywords: dict[str, Any] = {}
        for name, parameter in signature(kind.__init__).parameters.items():
            several = parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
            if name in ("self", "device", "dtype") or (several and kind is nn.Identity):
                continue
            if parameter.default is None and not hasattr(module, name):
                continue  # what torch asks for no more, or works itself out
            if name == "bias" and not _is_affine(module):
                continue
            found = _UNKNOWN if several else _told(module, name, kind)
            if found is _UNKNOWN:
                raise _refused(where, module, f"does not say what it was made with ({name})")
            required = parameter.default is Parameter.empty
            if required and not keywords:
                places.append(found)
            elif required or repr(found) != repr(parameter.default):
                keywords[name] = found
        self._compare(where, module, lambda: kind(*places, **keywords))
        return call(f"nn.{kind.__name__}", places, keywords)

    def _compare(self, where: str, module: nn.Module, make: Any) -> None:
        """Refuse a module that is not what was read of it."""
        again = on_meta(make)
        same = str(again) == str(module) and _state(again) == _state(module)
        if not same:
            raise _refused(where, module, "was changed after it was made")


_UNKNOWN = object()


def _is_affine(module: nn.Module) -> bool:
    return bool(getattr(module, "affine", getattr(module, "elementwise_affine", True)))


def _told(module: nn.Module, name: str, kind: Any) -> Any:
    """Return what a layer of torch was given as an argument."""
    if not hasattr(module, name):
        return _UNKNOWN
    found = getattr(module, name)
    if name == "bias":
        return found if isinstance(found, bool) else found is not None
    if isinstance(found, (tuple, list)) and all(isinstance(one, PLAIN) for one in found):
        found = tuple(found)
        if name in PAIRS and "Conv" in kind.__name__ and len(set(found)) == 1:
            return found[0]
        return found
    return found if isinstance(found, PLAIN) else _UNKNOWN


def _state(module: nn.Module) -> list[tuple[str, Any, Any]]:
    return [(name, one.shape, one.dtype) for name, one in module.state_dict().items()]


def _refused(where: str, module: nn.Module, why: str) -> ArgumentError:
    return ArgumentError(
        f"to_torch_code(): {where} ({type(module).__name__}) {why}; what is written as code is "
        "torch.nn's layers in nn.Sequential, flash's blocks, and layer rows. Of a class of your "
        "own its source is the code: take to_torch()"
    )
