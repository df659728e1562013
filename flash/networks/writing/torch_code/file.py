"""A file of source code: what it is, definitions, and one class."""

from __future__ import annotations

from textwrap import indent, wrap

from ...._version import __version__
from ....base.checks import text, writable, write_text_atomic
from ....base.record import Record
from .layout import WIDTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from .source import Source

__all__ = ["Written", "class_name", "code", "whole"]

MAX_ABOUT = 1 << 16
SPELLED = {  # names that are not spelled as one would read them
    "convnext": "ConvNeXt",
    "vit": "ViT",
    "mcunet": "MCUNet",
    "fbnet": "FBNet",
    "pnas": "PNASNet",
}
TAKEN = frozenset(("OrderedDict", "Tensor", "Sequence", "Any", "None", "True", "False"))


class Written(Record):
    """What a network needs of its file.

    Parameters
    ----------
    name : str
        Of its class.
    base : str
        Of what the class is made: "nn.Module".
    about : list of str
        Paragraphs on what it is.
    imports : tuple of str
        Statements beside "import torch" and those of the parts.
    source : Source
        flash's own parts.
    tables : list of str
        Constants and functions before the class.
    body : str
        What the class holds.
    """

    name: str
    base: str
    about: list[str]
    imports: tuple[str, ...]
    source: Source
    tables: list[str]
    body: str


def code(
    make: Callable[[list[str]], Written], path: str | os.PathLike[str] | None, about: str | None
) -> str:
    """Return the text of a file, and write it where a path is given: see `to_torch_code`.

    make: gives what a network needs, for further paragraphs on what it is.
    """
    if path is not None:
        path = writable("path", path)
    paragraphs = [] if about is None else text("about", about, MAX_ABOUT).strip().split("\n\n")
    found = whole(make([one for one in paragraphs if one.strip()]))
    if path is not None:
        write_text_atomic(path, found)
    return found


def class_name(family: str, taken: Iterable[str] = ()) -> str:
    """Return the name of a family's class: "MobileNetV2"."""
    words = "".join(one if one.isascii() and one.isalnum() else " " for one in family).split()
    name = "".join(map(_spelled, words))
    if not name.isidentifier() or name in TAKEN or name in taken:
        name = f"{name}Network" if f"{name}Network".isidentifier() else "TheNetwork"
    return name


def _spelled(word: str) -> str:
    if word in SPELLED:
        return SPELLED[word]
    first, last = (word[:-3], "Net") if word.endswith("net") else (word, "")
    return first[:1].upper() + first[1:] + last


def docstring(paragraphs: Sequence[str], spaces: int) -> str:
    """Return a docstring of a summary and further paragraphs; lines of these are kept."""
    found: list[str] = []
    for one in paragraphs:
        plain = one.replace("\\", "\\\\").replace('"""', "'''").rstrip('"')
        plain = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in plain)
        room = WIDTH - spaces - (6 if len(found) == 0 else 0)  # the quotes
        lines = [
            piece
            for line in plain.splitlines()
            for piece in wrap(line, room, subsequent_indent=_hang(line), break_on_hyphens=False)
        ]
        found.append("\n".join(lines))
    inner = "\n\n".join(found)
    end = "\n" if len(found) > 1 or "\n" in inner else ""
    return indent(f'"""{inner}{end}"""', " " * spaces) + "\n"


def _hang(line: str) -> str:
    """Return how the further lines of a line begin: further in than itself where it is further
    in."""
    spaces = len(line) - len(line.lstrip())
    return " " * (spaces + 2 if spaces else 0)


def whole(written: Written) -> str:
    """Return the text of the file."""
    first = f"{written.about[0]} Written by flash {__version__}; needs torch alone."
    imports = {"from torch import nn", *written.imports, *written.source.imports}
    head = docstring([first], 0) + "\n" + _imports(imports)
    doc = docstring(written.about, 4)
    own = f"class {written.name}({written.base}):\n{doc}\n{written.body}"
    texts = [*written.source.texts(), *written.tables, own]
    found = head
    before = True  # whether what stands above is a constant, or the imports
    for one in texts:
        constant = not one.startswith(("class ", "def "))
        found += ("\n" if before and constant else "\n\n") + one
        before = constant
    return found


def _imports(statements: Iterable[str]) -> str:
    """Return imports in the usual order, those of one module in one line."""
    whole_ones, parts = set(), dict[str, set[str]]()
    for statement in statements:
        if statement.startswith("import "):
            whole_ones.add(statement)
        else:
            module, _, name = statement.removeprefix("from ").partition(" import ")
            parts.setdefault(module, set()).add(name)
    own: list[str] = []
    outer: list[str] = []
    for statement in sorted(whole_ones):
        (outer if _is_torch(statement.split()[1]) else own).append(statement)
    for module in sorted(parts):
        names = ", ".join(sorted(parts[module], key=lambda one: (not one[0].isupper(), one)))
        (outer if _is_torch(module) else own).append(f"from {module} import {names}")
    blocks = [["from __future__ import annotations"], own, outer]
    return "\n".join("\n".join(one) + "\n" for one in blocks if one)


def _is_torch(module: str) -> bool:
    return module.partition(".")[0] == "torch"
