"""Definitions of flash's own parts as text, with all that they use.

A part is a class or function of a file that needs torch alone: its text is that of the file, less
what is for flash or for type checkers only.
"""

from __future__ import annotations

import ast
import re

from ....base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Source"]

# comments for type checkers and formatters, and what marks a part
_NO_CODE = re.compile(r"  # (?:pyright|type|fmt|noqa)\b.*$|^@part\n", re.MULTILINE)


class _File(Record):
    """One file: its definitions by name, and where the names come from that it imports.

    Parameters
    ----------
    text : dict of str to str
    used : dict of str to frozenset of str
        Names that a definition reads.
    outer : dict of str to str
        Import statements by the name that they bring.
    inner : dict of str to (str, str)
        Of another file of flash: (module, name).
    """

    text: dict[str, str]
    used: dict[str, frozenset[str]]
    outer: dict[str, str]
    inner: dict[str, tuple[str, str]]

    def place(self, name: str) -> int:
        """Return where in the file a definition stands, counted in definitions."""
        return list(self.text).index(name)


class Source:
    """Collects definitions; each is there once, behind what it uses.

    Attributes
    ----------
    imports : set of str
        Statements that the definitions need.
    """

    def __init__(self) -> None:
        self.imports: set[str] = set()
        self._files: dict[str, _File] = {}
        self._text: dict[str, str] = {}
        self._homes: dict[str, str] = {}

    @property
    def names(self) -> frozenset[str]:
        """What is defined."""
        return frozenset(self._text)

    def add(self, module: str, names: Iterable[str]) -> None:
        """Add definitions of a module of flash, such as "flash.networks.writing.parts"."""
        wanted: set[str] = set()
        self._need(module, frozenset(names), wanted)
        file = self._files[module]
        for name in file.text:  # in the file's order
            if name in wanted and name not in self._text:
                self._text[name] = file.text[name]
                self._homes[name] = module
            elif name in wanted:
                assert self._homes[name] == module, f"two parts are called {name}"

    def _need(self, module: str, names: frozenset[str], wanted: set[str]) -> None:
        file = self._file(module)
        for name in sorted(names):
            if name in file.inner:
                home, own = file.inner[name]
                self.add(home, [own])
            elif name in file.outer:
                self.imports.add(file.outer[name])
            elif name in file.text and name not in wanted:
                wanted.add(name)
                self._need(module, file.used[name], wanted)

    def _file(self, module: str) -> _File:
        if module not in self._files:
            self._files[module] = _parsed(module)
        return self._files[module]

    def texts(self) -> list[str]:
        """Return the definitions, constants that follow each other as one text."""
        homes = list(dict.fromkeys(self._homes.values()))
        places = {
            name: (homes.index(home), self._files[home].place(name))
            for name, home in self._homes.items()
        }
        found: list[str] = []
        constants = False
        for name in sorted(self._text, key=places.__getitem__):
            text = self._text[name]
            is_constant = not text.startswith(("class ", "def "))
            if is_constant and constants:
                found[-1] += text
            else:
                found.append(text)
            constants = is_constant
        return found


def _parsed(module: str) -> _File:
    from pkgutil import get_data

    package, _, name = module.rpartition(".")
    data = get_data(package, f"{name}.py")
    assert data is not None, module
    text = data.decode()
    lines = text.splitlines(keepends=True)
    made = _File({}, {}, {}, {})
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom):
            _read_import(made, node, package)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                made.outer[alias.asname or alias.name] = ast.unparse(ast.Import([alias]))
        for own in _defined(node):
            decorators = getattr(node, "decorator_list", [])
            start = min([node.lineno, *(one.lineno for one in decorators)])
            assert node.end_lineno is not None
            made.text[own] = _NO_CODE.sub("", "".join(lines[start - 1 : node.end_lineno]))
            names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            made.used[own] = frozenset(names - {own, "part"})
    return made


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
        return [node.name]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, ast.Assign):
        return [one.id for one in node.targets if isinstance(one, ast.Name)]
    return []


def _read_import(made: _File, node: ast.ImportFrom, package: str) -> None:
    if node.module == "__future__":
        return
    for alias in node.names:
        name = alias.asname or alias.name
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            made.inner[name] = ".".join([*above, node.module or ""]), alias.name
        else:
            made.outer[name] = f"from {node.module} import {alias.name}"
