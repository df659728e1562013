"""The public names: what loads lazily, what checkers see, and what they say of themselves."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import pickle
import pydoc
import re
from typing import TYPE_CHECKING, Any

import pytest

import flash
from flash.errors import ArgumentTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twins.processes import Run

NAMES = [name for name in flash.__all__ if name != "__version__"]
CLASSES = [name for name in NAMES if isinstance(getattr(flash, name), type)]
FUNCTIONS = [name for name in NAMES if name not in CLASSES]
# Subclasses of what Python itself cannot tell the signature of.
BUILT_IN = (BaseException, dict)
SPACE = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2])


def for_checkers() -> dict[str, str]:
    """Return the names that the block for type checkers imports, with their modules."""
    tree = ast.parse(inspect.getsource(flash))
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        if node.module == "typing":
            continue
        assert node.level == 1
        for alias in node.names:
            assert alias.name == alias.asname, "a checker takes only `x as x` for public"
            found[alias.name] = str(node.module)
    return found


def test_checkers_see_what_loads_lazily() -> None:
    assert for_checkers() == flash._HOME
    assert sorted(flash.__all__) == sorted(flash._HOME)
    assert dir(flash) == sorted(flash.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_that_of_its_module(name: str) -> None:
    module = importlib.import_module(f"flash.{flash._HOME[name]}")
    assert getattr(flash, name) is getattr(module, name)
    assert inspect.getsourcefile(module) is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_name_says_where_users_find_it(name: str) -> None:
    found = getattr(flash, name)
    assert (found.__module__, found.__qualname__) == ("flash", name)
    assert pickle.loads(pickle.dumps(found)) is found
    if name in CLASSES:
        assert repr(found) == f"<class 'flash.{name}'>"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_shows_its_own_source(name: str) -> None:
    assert f"def {name}(" in inspect.getsource(getattr(flash, name))


@pytest.mark.parametrize("name", NAMES)
def test_signatures(name: str) -> None:
    found = getattr(flash, name)
    if isinstance(found, type) and issubclass(found, BUILT_IN):
        return
    parameters = inspect.signature(found).parameters
    for one in parameters.values():
        assert one.kind is not one.VAR_POSITIONAL
        free = name == "together"  # whose keywords are the user's own names of devices
        assert one.kind is not one.VAR_KEYWORD or free or "Unpack" in one.annotation
    if hasattr(found, "field_names"):
        assert tuple(parameters) == found.field_names == found.__match_args__
        defaults = {
            name: one.default for name, one in parameters.items() if one.default is not one.empty
        }
        assert defaults == found._defaults


def test_help_of_the_module_tells_every_name() -> None:
    text = pydoc.render_doc(flash, renderer=pydoc.plaintext)
    for name in CLASSES:
        assert re.search(rf"^    class {name}\(", text, re.MULTILINE), name
    for name in FUNCTIONS:
        assert re.search(rf"^    {name}\(", text, re.MULTILINE), name


@pytest.mark.parametrize("name", CLASSES)
def test_help_shows_nothing_private(name: str) -> None:
    text = pydoc.render_doc(getattr(flash, name), renderer=pydoc.plaintext)
    assert f"class {name} in module flash" in text
    assert not re.findall(r"^ \|  (_[a-z]\w*)", text, re.MULTILINE)
    assert "object at 0x" not in text


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_keyword_is_suggested(name: str) -> None:
    found = getattr(flash, name)
    if isinstance(found, type) and issubclass(found, BUILT_IN):
        return
    parameters = inspect.signature(found).parameters.values()
    named = [one.name for one in parameters if one.kind is not one.VAR_KEYWORD]
    if not named or any(one.kind is one.VAR_KEYWORD for one in parameters):
        return
    meant = named[-1]
    wrong = meant[:-1] + "x"
    with pytest.raises(ArgumentTypeError) as caught:
        found(**{wrong: None})
    text = str(caught.value)
    assert text.startswith(f"{name}() got an unexpected keyword argument {wrong!r}; did you mean ")
    assert repr(meant) in text


def test_other_calls_that_do_not_fit() -> None:
    search: Any = flash.search
    with pytest.raises(ArgumentTypeError, match="missing 1 required positional argument: 'target'"):
        search("densenet")
    with pytest.raises(ArgumentTypeError, match="takes 2 positional arguments but 3 were given"):
        search("densenet", "rram", 4.0)
    with pytest.raises(ArgumentTypeError, match=r"unexpected keyword argument 'q'; it takes space"):
        search("densenet", "rram", q=4.0)
    with pytest.raises(ArgumentTypeError, match=r"PNASCells.* multiple values for argument"):
        flash.PNASCells(1, blocks=2)  # type: ignore[misc]


MADE: dict[str, Callable[[], Any]] = {
    "Architecture": lambda: SPACE.decode(3),
    "Cell": lambda: SPACE.decode(3).cells[0],
    "Network": lambda: SPACE.decode(3).network(),
    "Layer": lambda: SPACE.decode(3).network().layers[0],
    "SearchSpace": lambda: SPACE,
    "Range": lambda: flash.Range(1, 5),
    "PNASCells": lambda: flash.PNASCells(1),
    "CellNetwork": lambda: flash.PNASCells(1).decode(0),
    "Target": lambda: flash.Target.load("rram"),
    "Cost": lambda: flash.Target.load("rram").cost(SPACE.decode(3)),
    "SearchResult": lambda: flash.search(SPACE, "rram", max_latency_ms=4.0),
    "FleetResult": lambda: flash.search(SPACE, ["rram", "cpu-x86"]),
    "ParetoFront": lambda: flash.pareto(SPACE, "rram"),
    "SweepResult": lambda: flash.sweep(SPACE, "rram", top=2),
    "Comparison": lambda: flash.compare(SPACE, "rram", methods=["random"], seeds=1, max_evals=3),
    "AccuracyPredictor": lambda: flash.AccuracyPredictor(1.0, 0.5, 0.1),
    "Suggestion": lambda: flash.suggest(SPACE, "rram", [(0, 0.5)], n=2),
}


@pytest.mark.parametrize("name", MADE)
def test_instances_are_copied_and_pickled(name: str) -> None:
    one = MADE[name]()
    assert type(one) is getattr(flash, name)
    for other in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
        assert type(other) is type(one)
        assert other == one


def test_a_pickle_is_read_where_nothing_was_imported(python: Run) -> None:
    text = repr(pickle.dumps([flash.search, SPACE, flash.search(SPACE, "rram")]))
    script = f"import pickle\nsearch, space, result = pickle.loads({text})\nprint(result.status)"
    assert python("-c", script).stdout.strip() == "OPTIMAL"
