"""Names of one's own: what is registered, what plugins bring, what is refused, and what fails."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import flash
from flash.base import registry
from flash.errors import ArgumentError, ArgumentTypeError, FormatError, PluginWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from twins.processes import Run

    Plant = Callable[..., Path]

BRINGS = """
import flash

class Pair(flash.NetworkSpace):
    family = "pair"
    lengths, variables, groups = (3, 2), ("width", "depth"), ((0, 1),)

    def __init__(self, start=8):
        self.start = start

    def options(self):
        return {"start": self.start}

    def name(self, row):
        return "-".join(map(str, row))

    def network(self, row):
        layers = [{"kind": "conv", "out_channels": self.start + int(row[0]), "kernel": 3}]
        return flash.Network.from_layers(layers * (1 + int(row[1])), (3, 8, 8))

def half(nets):
    return [0.5] * len(nets)

def draws(task, *, n=4):
    task.evaluate(task.draw(n))

def register():
    flash.register("space", "pair", Pair)
    flash.register("evaluator", "half", half)
    flash.register("method", "draws", draws)
"""


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is registered, and no entry point was read."""
    monkeypatch.setattr(registry, "_state", registry._State())


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Return a function that installs a package of one module with an entry point."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, source: str, value: str = "", version: str = "1.0") -> Path:
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
        facts = tmp_path / f"{name}-{version}.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}")
        point = value or f"{name}:register"
        (facts / "entry_points.txt").write_text(f"[flash.plugins]\n{name} = {point}\n")
        return tmp_path

    return install


def a_method(task: flash.Task) -> None:
    task.evaluate(task.draw(3))


def test_what_is_registered_is_found_by_its_name() -> None:
    assert flash.plugins() == ()
    flash.register("method", "three", a_method)
    flash.register("method", "three", a_method)  # again
    assert registry.registered("method", "three") is a_method
    assert registry.registered("evaluator", "three") is None
    assert registry.names("method") == ("three",)
    (own,) = flash.plugins()
    assert own == flash.Plugin(None, None, (("method", "three"),))
    assert str(own) == "this process: method three"
    assert flash.search("densenet", "rram", method="three").samples == 3


@pytest.mark.parametrize(
    ("kind", "name"),
    [("space", "resnet"), ("space", "pnas"), ("target", "rram"), ("method", "exact"),
     ("method", "pnas")],
)  # fmt: skip
def test_built_in_names_are_refused(kind: str, name: str) -> None:
    with pytest.raises(ArgumentError, match=f"flash itself has a {kind} '{name}'; choose another"):
        flash.register(kind, name, a_method)


def test_a_name_that_another_thing_has_is_refused() -> None:
    flash.register("method", "mine", a_method)
    with pytest.raises(ArgumentError, match="this process has registered another method as 'mine'"):
        flash.register("method", "mine", lambda task: None)
    assert registry.registered("method", "mine") is a_method
    flash.register("evaluator", "mine", lambda nets: [0.5] * len(nets))  # of another kind


def test_a_cell_of_a_notebook_runs_again() -> None:
    def defined(source: str) -> Any:
        place: dict[str, Any] = {"__name__": "notebook"}
        exec(source, place)
        return place["mine"]

    first, again = (defined(f"def mine(task):\n    task.evaluate(task.draw({n}))") for n in (1, 2))
    flash.register("method", "mine", first)
    assert flash.search("densenet", "rram", method="mine").samples == 1
    flash.register("method", "mine", again)
    assert flash.search("densenet", "rram", method="mine").samples == 2
    with pytest.raises(ArgumentError, match="another method as 'mine'"):
        flash.register("method", "mine", a_method)


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (("spaces", "x", a_method), ArgumentError, "kind must be one of .* did you mean 'space'"),
        (("method", 3, a_method), ArgumentTypeError, "name must be text, got 3"),
        (("method", "", a_method), ArgumentError, "name must be 1 to 100 characters"),
        (("method", "a/b", a_method), ArgumentError, "can't be taken for a path"),
        (("target", "board.json", a_method), ArgumentError, "got 'board.json'"),
        (("method", "a b", a_method), ArgumentError, "got 'a b'"),
        (("method", "-x", a_method), ArgumentError, "got '-x'"),
        (("method", "x" * 101, a_method), ArgumentError, "1 to 100 characters"),
        (("method", "x", 3), ArgumentTypeError, "a method must be a function that takes a task"),
        (("target", "x", "rram"), ArgumentTypeError, r"a target must be .* got 'rram' \(str\)"),
        (("space", "x", {}), ArgumentTypeError, "a space must be"),
        (("evaluator", "x", None), ArgumentTypeError, "an? evaluator must be"),
        (("block", "x", 1), ArgumentTypeError, "function of .in_channels, out_channels, stride"),
        (("target", "x", flash.Target.load("rram")), ArgumentError, "own name is 'rram'"),
        (("space", "x", flash.PNASCells), ArgumentError, "own family is 'pnas'"),
    ],
)  # fmt: skip
def test_what_can_not_be_registered(given: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        flash.register(*given)
    assert flash.plugins() == ()


def test_a_registered_target() -> None:
    made = []

    def board() -> flash.Target:
        made.append(1)
        return flash.Target.from_dict({**flash.Target.load("systolic-32").to_dict(), "name": "own"})

    flash.register("target", "own", board)
    assert made == []
    target = flash.Target.load("own")
    assert flash.Target.load("own") is target
    assert made == [1]
    result = flash.search("densenet", "own", max_latency_ms=5.0)
    assert (result.target, result.proven) == ("own", True)
    fleet = flash.search("densenet", ["own", "systolic-32"], max_latency_ms=5.0)
    assert fleet[0].latency_ms == fleet[1].latency_ms
    with pytest.raises(ArgumentError, match=r"'xeon-silver-4114', 'own' or the path .* mean 'own'"):
        flash.Target.load("owm")


def test_a_registered_space_with_tables_is_searched_and_proven() -> None:
    space = flash.ResNet(depths=[1, 2], skips=[0, 16])
    flash.register("space", "tiny", space)
    flash.register("space", "made", lambda depth=2: flash.ResNet(depths=[1, depth], skips=[0, 16]))
    one, other = (flash.search(name, "rram") for name in ("tiny", "made"))
    assert one.proven
    assert one.x == other.x
    assert one.space is space
    assert flash.SearchResult.from_json(one.to_json()) == one
    assert len(flash.evaluate("tiny", "rram", [0, 1])["latency_ms"]) == 2
    with pytest.raises(ArgumentError, match=r"'bypass', 'made', 'tiny' or the path"):
        flash.search("tinny", "rram")


def test_functions_that_give_something_else() -> None:
    flash.register("space", "odd", lambda: 3)
    flash.register("target", "odd", lambda: 3)
    flash.register("space", "renamed", lambda: flash.PNASCells(1))
    flash.register("target", "renamed", lambda: flash.Target.load("rram"))
    flash.register("target", "broken", lambda: 1 / 0)
    with pytest.raises(ArgumentTypeError, match="space 'odd', as it is registered, must return"):
        flash.search("odd", "rram")
    with pytest.raises(ArgumentTypeError, match="target 'odd', as it is registered, must be"):
        flash.search("densenet", "odd")
    with pytest.raises(ArgumentError, match=r"space 'renamed'.* returns one of family 'pnas'"):
        flash.search("renamed", "cpu-x86", method="random")
    with pytest.raises(ArgumentError, match="whose own name is 'rram'"):
        flash.search("densenet", "renamed")
    with pytest.raises(ArgumentError, match=r"target 'broken', .* raised ZeroDivisionError: div"):
        flash.search("densenet", "broken")


def test_a_plugin_is_read_when_a_name_is_not_there(plant: Plant) -> None:
    plant("flash_pair", BRINGS)
    flash.search("densenet", "rram", method="random", max_evals=3)
    flash.register("method", "three", a_method)
    flash.search("densenet", "rram", method="three")
    assert "flash_pair" not in sys.modules
    result = flash.search("pair", "cpu-x86", method="draws", evaluator="half", options={"n": 5})
    assert (result.space.family, result.method, result.samples) == ("pair", "draws", 5)
    assert result.scored_by == "function half"
    plugin, own = flash.plugins()
    assert (plugin.name, plugin.package, plugin.error) == ("flash_pair", "flash_pair 1.0", None)
    assert plugin.brings == (("space", "pair"), ("evaluator", "half"), ("method", "draws"))
    assert own.brings == (("method", "three"),)
    assert flash.build_info(packages=True)["plugins"].startswith("plugin 'flash_pair' of flash_pai")
    with pytest.raises(ArgumentError, match=r"'pair' has no tables .*method='evolution'"):
        flash.search("pair", "cpu-x86")
    with pytest.raises(ArgumentError, match=r"plugin 'flash_pair' of .* has registered another"):
        flash.register("method", "draws", a_method)


def test_results_of_a_plugin_s_space(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant("flash_pair", BRINGS)
    given: dict[str, Any] = {"method": "draws", "evaluator": "half"}
    space = type(flash.search("pair", "cpu-x86", **given).space)(start=16)
    result = flash.search(space, "cpu-x86", **given)
    text = result.to_json()
    assert flash.SearchResult.from_json(text) == result
    compared = flash.compare("pair", "cpu-x86", methods=["draws"], seeds=2, evaluator="half")
    assert flash.Comparison.from_json(compared.to_json()).runs == compared.runs
    with pytest.raises(FormatError, match="has an unknown key 'begin'"):
        flash.SearchResult.from_json(text.replace('"start"', '"begin"'))

    plain = flash.search("densenet", "rram", method="draws").to_json()
    monkeypatch.setattr(registry, "_state", registry._State())
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    assert flash.SearchResult.from_json(plain).method == "draws"  # a method need not be there
    with pytest.raises(FormatError, match="'pair' is of no plugin that is installed here: install"):
        flash.SearchResult.from_json(text)
    assert flash.SearchResult.from_json(text, space=space) == result


def test_another_version_of_a_space_is_told() -> None:
    def family(start: int, shift: int) -> Any:
        return type(
            "Pair", (flash.NetworkSpace,),
            {"family": "pair", "lengths": (3,), "variables": ("w",), "groups": ((0,),),
             "options": lambda self: {"start": start + shift},
             "name": lambda self, row: str(row[0]),
             "network": lambda self, row: flash.Network.from_layers(
                 [{"kind": "conv", "out_channels": 8 + int(row[0]), "kernel": 3}], (3, 8, 8))},
        )()  # fmt: skip

    flash.register("space", "pair", lambda start=8: family(start, 0))
    given: dict[str, Any] = {"method": "random", "max_evals": 2}
    result = flash.search("pair", "cpu-x86", evaluator=lambda nets: [0.5] * len(nets), **given)
    text = result.to_json()
    assert flash.SearchResult.from_json(text) == result
    registry._state.entries.clear()
    flash.register("space", "pair", lambda start=8: family(start, 1))
    with pytest.raises(FormatError, match=r"now has 9 for 'start', not 8: .* another version"):
        flash.SearchResult.from_json(text)
    registry._state.entries.clear()
    flash.register("space", "pair", lambda begin=8: family(begin, 0))
    with pytest.raises(
        FormatError, match=r"raised TypeError: .*unexpected keyword argument 'start'"
    ):
        flash.SearchResult.from_json(text)


@pytest.mark.parametrize(
    ("source", "value", "told"),
    [
        ("import no_such_package", "", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def register(:", "", "SyntaxError: "),
        ("x = 3", "", "AttributeError: "),
        ("register = 3", "", "must name a function that registers, as 'package.module:function'"),
        ("x = 3", "flash_bad", "must name a function that registers"),
        ("def register():\n    raise ValueError('no\\nlicence')", "", "ValueError: no licence"),
        ("def register():\n    raise SystemExit(3)", "", "SystemExit: 3"),
        ("import flash\ndef register():\n    flash.register('method', 'pnas', print)", "",
         "flash itself has a method 'pnas'"),
        ("import flash\ndef register():\n    flash.register('method', 'draws', print)", "",
         "plugin 'flash_pair' of flash_pair 1.0"),
    ],
)  # fmt: skip
def test_a_plugin_that_fails_is_named_and_the_rest_works(
    plant: Plant, source: str, value: str, told: str
) -> None:
    plant("flash_pair", BRINGS)
    plant("flash_zbad", source, value.replace("flash_bad", "flash_zbad"))
    with pytest.warns(PluginWarning, match="plugin 'flash_zbad' of flash_zbad 1.0 can't be used"):
        assert registry.registered("method", "draws") is not None
    result = flash.search("pair", "cpu-x86", method="draws", evaluator="half")  # no second warning
    assert result.success
    good, bad = flash.plugins()
    assert good.error is None
    assert bad.brings == ()
    assert told in str(bad.error)
    assert "\n" not in str(bad.error)
    for call in (
        lambda: flash.search("pear", "rram"),
        lambda: flash.Target.load("nothing"),
        lambda: flash.search("densenet", "rram", method="nothing"),
        lambda: flash.search("densenet", "rram", method="random", evaluator="nothing"),
    ):
        with pytest.raises(ArgumentError, match=r"; plugin 'flash_zbad' of .* can't be used: "):
            call()
    assert registry.why_missing("method", "draws") == ""


def test_a_plugin_may_look_for_what_is_not_there_yet(plant: Plant) -> None:
    source = """
import flash
def register():
    try:
        flash.Target.load("later")
    except flash.FlashError:
        flash.register("method", "asked", print)
"""
    plant("flash_asks", source)
    assert registry.registered("method", "asked") is print


def test_many_threads_read_a_plugin_once(plant: Plant) -> None:
    count = "import time\nruns = []\n" + BRINGS.replace(
        "def register():", "def register():\n    runs.append(1)\n    time.sleep(0.05)"
    )
    plant("flash_pair", count)
    start = threading.Barrier(8)
    found: list[Any] = []

    def look() -> None:
        start.wait()
        from flash.spaces.named import registered_space

        found.append(registered_space("pair"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len({id(one) for one in found}) == 1
    assert found[0].family == "pair"
    assert sys.modules["flash_pair"].runs == [1]


def test_of_two_threads_one_gets_the_name() -> None:
    start = threading.Barrier(8)
    refused: list[Exception] = []

    def add() -> None:
        start.wait()
        try:
            flash.register("method", "mine", lambda task: None)
        except ArgumentError as error:
            refused.append(error)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(refused) == 7


def test_ctrl_c_in_a_plugin_comes_through_and_it_is_tried_again(plant: Plant) -> None:
    source = "tries = []\n" + BRINGS.replace(
        "def register():",
        "def register():\n    tries.append(1)\n    if len(tries) == 1: raise KeyboardInterrupt",
    )
    plant("flash_pair", source)
    with pytest.raises(KeyboardInterrupt):
        registry.names("space")
    assert registry.names("space") == ("pair",)


def test_built_in_names_read_no_entry_points(python: Run) -> None:
    code = """
import flash, sys
flash.search("densenet", "rram", max_latency_ms=4.0)
flash.search("resnet", "cpu-x86", method="random", max_evals=5)
half = lambda nets: [0.5] * len(nets)
flash.search("pnas", "cpu-x86", method="random", max_evals=2, evaluator=half)
flash.register("method", "mine", lambda task: task.evaluate(task.draw(2)))
flash.search("resnet", "cpu-x86", method="mine")
assert "importlib.metadata" not in sys.modules
flash.plugins()
assert "importlib.metadata" in sys.modules
"""
    python("-c", code)


def test_names_of_the_spaces_and_blocks_of_flash_are_taken() -> None:
    for name in ("mcunet", "mobilenet-v3", "vit", "decoder", "convnext"):
        with pytest.raises(ArgumentError, match=f"flash itself has a space '{name}'"):
            flash.register("space", name, lambda: flash.ResNet())
    with pytest.raises(ArgumentError, match="flash itself has a block 'inverted-residual'"):
        flash.register("block", "inverted-residual", lambda into, out, stride: [])


def test_a_registered_block_is_read_by_its_name(tmp_path: Path) -> None:
    def wide(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3)) -> Any:
        return [{"kind": "conv", "out_channels": out_channels, "kernel": kernel, "stride": stride}]

    file = tmp_path / "space.toml"
    file.write_text(
        'family = "blocks"\nname = "of-wide"\ninput = [3, 8, 8]\nnum_classes = 10\n\n'
        '[[stages]]\noptions = { wide = "wide", mb = "inverted-residual" }\nwidths = [8, 16]\n\n'
        '[head]\noptions = { head = "mobile-head" }\nwidths = 10\n',
        encoding="utf-8",
    )
    with pytest.raises(flash.FlashError, match=r"block must be one of .*, got 'wide'"):
        flash.search(file, "cpu-x86")
    flash.register("block", "wide", wide)
    found = flash.search(file, "cpu-x86")
    assert found.proven
    assert found.space.size == 2 * (2 + 9)
    again = flash.SearchResult.from_json(found.to_json())
    assert again == found
    assert again.space.to_dict()["stages"][0]["options"][0] == {
        "name": "wide",
        "block": "wide",
        "choices": [["kernel", [1, 3]]],
    }
