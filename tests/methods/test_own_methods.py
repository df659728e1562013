"""Methods from outside: functions that take a task, in every place where a method is named."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from twins.method_runs import SMALL, plain

import flash
from flash.base import registry
from flash.errors import ArgumentError, ArgumentTypeError
from flash.methods.own import MethodError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is registered."""
    monkeypatch.setattr(registry, "_state", registry._State())


def draws(task: flash.Task, *, batch: int = 8) -> None:
    while True:
        task.evaluate(task.draw(batch))


class Bounded:
    """A method with limits of its options, and spaces that it refuses."""

    name = "bounded"
    ends = True
    options: dict[str, Any] = {  # noqa: RUF012 - as a user would write it
        "n": flash.MethodOption(4, 1, 9), "way": flash.MethodOption("up", choices=("up", "down")),
        "note": "any", "sure": False, "rate": 0.5,
    }  # fmt: skip

    def __call__(self, task: flash.Task) -> None:
        task.evaluate(task.draw(task.options["n"]))

    def unfit(self, space: Any, evaluator: flash.Evaluator) -> str | None:
        return "bounded knows resnet alone" if space.family != "resnet" else None

    def unfit_target(self, target: flash.Target) -> str | None:
        return "bounded knows no GPU" if target.kind == "gpu" else None


def nameless(result: Any) -> Any:
    """A result without times, and without the method's name."""
    message = result.message.replace(result.method, "it")
    return plain(result).replace(method="it", message=message)


def search(**given: Any) -> Any:
    return flash.search(SMALL, "cpu-x86", **given)


def test_a_function_searches_as_the_method_that_does_the_same() -> None:
    given: dict[str, Any] = {"max_evals": 40, "max_params": 8e5, "seed": 3}
    own = search(method=draws, options={"batch": 256}, **given)
    theirs = search(method="random", **given)
    assert own.method == "draws"
    assert nameless(own) == nameless(theirs)
    assert "best that draws found" in own.message
    assert flash.SearchResult.from_json(own.to_json()) == own
    assert own.upper_bound is not None


def test_keywords_are_options() -> None:
    once: Any = functools.partial(draws, batch=5)
    assert search(method=draws, max_evals=16).samples % 8 == 0
    assert search(method=draws, max_evals=16, options={"batch": 3}).samples % 3 == 0
    assert search(method=once, max_evals=9).method == "draws"
    with pytest.raises(ArgumentError, match="'draws' has no 'bach'; did you mean 'batch'"):
        search(method=draws, options={"bach": 3})
    with pytest.raises(ArgumentTypeError, match=r"batch'.* must be an integer"):
        search(method=draws, options={"batch": "many"})


def test_an_object_says_more() -> None:
    resnet = flash.ResNet(depths=[1, 2], skips=[0, 16])
    for method in (Bounded(), Bounded):
        found = flash.search(resnet, "cpu-x86", method=method, options={"n": 7, "note": "x"})
        assert (found.method, found.samples, found.stopped) == ("bounded", 7, None)
    wrong: list[tuple[Any, str]] = [
        ({"n": 10}, "from 1 to 9"), ({"way": "left"}, "one of 'up', 'down'"), ({"note": 3}, "note"),
        ({"sure": 1}, "True or False"), ({"rate": "x"}, "rate"),
    ]  # fmt: skip
    for options, told in wrong:
        with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
            flash.search(resnet, "cpu-x86", method=Bounded(), options=options)
    with pytest.raises(ArgumentError, match="bounded knows resnet alone"):
        flash.search("densenet", "cpu-x86", method=Bounded())
    with pytest.raises(ArgumentError, match="bounded knows no GPU"):
        flash.search(resnet, "gtx-1080ti", method=Bounded())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((None,), "default must be a number, text, True or False"),
        (([1],), "default must be a number"),
        ((3, 4), "default must be an integer of at least 4"),
        (("x", None, None, ("a", "b")), "default must be one of 'a', 'b'"),
        ((3, "low"), "low must be a finite number"),
        (("a", None, None, ["a"]), "choices must be a tuple of text"),
    ],
)
def test_options_that_are_none(given: Any, told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        flash.MethodOption(*given)


def test_a_module_is_a_method_too() -> None:
    module = types.ModuleType("somewhere.halving")
    module.run = lambda task: task.evaluate(task.draw(task.options["n"]))  # type: ignore[attr-defined]
    module.OPTIONS = {"n": flash.MethodOption(6, 1)}  # type: ignore[attr-defined]
    method: Any = module
    assert search(method=method).samples == 6
    flash.register("method", "halving-2", module)
    found = search(method="halving-2", options={"n": 2})
    assert (found.method, found.samples) == ("halving-2", 2)


def test_in_a_fleet_and_with_other_evaluators(tmp_path: Path) -> None:
    fleet = flash.search(SMALL, ["cpu-x86", "rram"], method=draws, max_evals=20)
    assert [one.method for one in fleet] == ["draws", "draws"]
    asked: list[int] = []

    def judge(nets: list[flash.Architecture]) -> list[float]:
        asked.append(len(nets))
        return [0.5] * len(nets)

    journal = tmp_path / "journal"
    given: dict[str, Any] = {"evaluator": judge, "max_evals": 20, "journal": journal}
    first = search(method=draws, **given)
    assert sum(asked) == first.nfev == 20
    assert search(method=draws, **given).x == first.x
    assert sum(asked) == 20
    space = flash.PNASCells(blocks=1)
    assert flash.search(space, "cpu-x86", method=draws, evaluator=judge, max_evals=3).nfev == 3


def test_compare_takes_functions_and_registered_names() -> None:
    flash.register("method", "eights", draws)
    compared = flash.compare(
        SMALL, "cpu-x86", methods=["random", draws, "eights"], seeds=2, max_evals=30,
        options={"draws": {"batch": 256}}, baseline="draws",
    )  # fmt: skip
    assert list(compared.runs) == ["random", "draws", "eights"]
    own, theirs = ([(x.x, x.nfev) for x in compared.runs[name]] for name in ("draws", "random"))
    assert own == theirs
    assert "draws" in str(compared)
    assert flash.Comparison.from_json(compared.to_json()).runs == compared.runs


def test_what_compare_refuses() -> None:
    def again(task: flash.Task) -> None:
        task.evaluate(task.draw(1))

    again.__name__ = "draws"
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"methods": [draws, again]}, "two are called 'draws'"),
        ({"methods": [draws, "drawn"]}, r"methods must be one of .* got 'drawn'"),
        ({"methods": [draws], "baseline": "random"}, "baseline must be one of the methods comp"),
        ({"methods": [draws], "options": {"draw": {}}}, "options must be one of .* mean 'draws'"),
        ({"methods": [draws], "options": {"draws": {"n": 1}}}, "method 'draws' has no 'n'"),
        ({"methods": [Bounded()]}, "methods: bounded: bounded knows resnet alone"),
        ({"methods": [3]}, "methods must be one of"),
        ({"methods": [draws], "codesign": True}, "methods must be one of 'shgo', 'exact', 'hao'"),
    ]
    for given, told in wrong:
        with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
            flash.compare("densenet", "fpga-zu3eg", seeds=1, max_evals=4, **given)


def no_task() -> None: ...


def two(task: flash.Task, other: int) -> None: ...


def keyword(task: flash.Task, *, n: int) -> None: ...


def listed(task: flash.Task, *, n: tuple[int, ...] = (1, 2)) -> None: ...


class Needy:
    def __init__(self, n: int) -> None: ...

    def __call__(self, task: flash.Task) -> None: ...


def pnas(task: flash.Task) -> None: ...


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (3, "method must be one of 'shgo', .* or a function that takes a task .* got 3"),
        (None, "got None"),
        (no_task, r"'no_task' must take a task, .* got no_task\(\)"),
        (two, "'two' must take a task, and nothing else that has no default"),
        (keyword, "'keyword' must take a task, and nothing else"),
        (listed, r"the default of option 'n' must be a number, .* got \(1, 2\)"),
        (Needy, "'Needy' is a class, which must need no arguments"),
        (pnas, "flash itself has a method 'pnas'.*give it another name"),
        ("evolutio", "method must be one of .* did you mean 'evolution'"),
    ],
)
def test_what_is_no_method(method: Any, told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        search(method=method, max_evals=2)


def test_conditions_are_not_for_methods_of_ones_own() -> None:
    for given in ({"where": "depth_0 == depth_1"}, {"k": 2}):
        with pytest.raises(ArgumentTypeError, match="method must be one of 'shgo', 'exact' with"):
            search(method=draws, **given)
    for given in ({"codesign": True}, {"confidence": 0.9}):
        with pytest.raises(ArgumentError, match="methods shgo and exact, got 'draws'"):
            search(method=draws, **given)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (lambda n: [[0] * (n - 1)], r"rows must be of shape \(n, \d\).* got \(1, \d\)"),
        (lambda n: [0] * n, r"rows must be of shape"),
        (lambda n: [[0.5] * n], "rows must be integers, got float64"),
        (lambda n: [[0] * n, [0] * (n - 1) + [10**6]], r"rows\[1\]\[\d\] must be .* got 1000000"),
        (lambda n: [[-1] + [0] * (n - 1)], r"rows\[0\]\[0\] must be .* from 0 to \d+, got -1"),
        (lambda n: [["a"] * n], "rows must be integers"),
        (lambda n: [[2**70] * n], "rows must be integers"),
    ],
)
def test_rows_that_are_none_are_refused(rows: Any, told: str) -> None:
    def asks(task: flash.Task) -> None:
        task.evaluate(rows(len(task.lengths)))

    def looks(task: flash.Task) -> None:
        task.excess(rows(len(task.lengths)))

    def uses(task: flash.Task) -> None:
        task.usage(rows(len(task.lengths)))

    for method in (asks, looks, uses):
        with pytest.raises((ArgumentError, ArgumentTypeError), match=told) as caught:
            search(method=method)
        assert caught.value.__notes__ == [f"in method {method.__name__!r}"]


def test_what_a_task_says() -> None:
    seen: dict[str, Any] = {}

    def looks(task: flash.Task) -> None:
        rows = task.draw(50)
        answers = task.evaluate(rows)
        seen.update(space=task.space, target=task.target.name, left=task.max_evals, rows=rows)
        seen.update(merit=answers.merit, excess=task.excess(rows), usage=task.usage(rows))

    result = search(method=looks, max_params=4e5, max_evals=100)
    assert (seen["space"], seen["target"], seen["left"]) == (SMALL, "cpu-x86", 100)
    within = seen["excess"] == 0.0
    assert within.any()
    assert not within.all()
    assert np.isfinite(seen["merit"]).tolist() == within.tolist()
    params = flash.evaluate(SMALL, "cpu-x86", seen["rows"])["params"]
    assert (params <= 4e5).tolist() == within.tolist()
    assert np.allclose(seen["usage"], params / 4e5)
    assert result.objective == seen["merit"].max()


def test_what_a_method_raises_is_its_own() -> None:
    def fails(task: flash.Task) -> None:
        raise KeyError("nothing")

    def yields(task: flash.Task) -> Any:
        yield task.draw(1)

    def interrupted(task: flash.Task) -> None:
        task.evaluate(task.draw(3))
        raise KeyboardInterrupt

    with pytest.raises(MethodError, match="method 'fails' raised KeyError: 'nothing'") as caught:
        search(method=fails)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(MethodError, match=r"'yields' must search when it is called.*a generator"):
        search(method=yields)
    assert search(method=interrupted).stopped == "interrupt"


def test_evaluators_by_name() -> None:
    class Constant(flash.Evaluator):
        name = "constant"

        def evaluate(self, ground: Any, rows: Any, metrics: Any) -> Any:
            return np.full(len(rows), 0.25), None

    class Broken(flash.Evaluator):
        def __init__(self) -> None:
            raise OSError("no table")

    one = Constant()
    flash.register("evaluator", "same", one)
    flash.register("evaluator", "new", Constant)
    flash.register("evaluator", "broken", Broken)
    flash.register("evaluator", "function", lambda nets: [0.75] * len(nets))
    given: dict[str, Any] = {"method": draws, "max_evals": 3}
    assert search(evaluator="same", **given).accuracy == 0.25
    assert search(evaluator="new", **given).scored_by == "constant"
    found = search(evaluator="function", **given)
    assert (found.accuracy, found.scored_by) == (0.75, "function function")
    assert flash.compare(SMALL, "cpu-x86", evaluator="same", methods=[draws], seeds=1).success
    with pytest.raises(ArgumentError, match="'broken', as it is registered, raised OSError: no t"):
        search(evaluator="broken", **given)
    with pytest.raises(
        ArgumentError, match=r"\(broken, function, new, same\), got 'sane'; did you"
    ):
        search(evaluator="sane", **given)
    with pytest.raises(FileNotFoundError):
        search(evaluator="sane.csv", **given)


def test_names_of_ones_own_keep_their_dots() -> None:
    from flash.methods.own import name_of

    assert name_of(types.SimpleNamespace(name="evo-1.5", search=draws)) == "evo-1.5"
    assert name_of(types.ModuleType("package.module")) == "module"
