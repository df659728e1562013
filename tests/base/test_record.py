"""Record: what dataclasses give, without importing them."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from typing import ClassVar

import pytest

from flash.base.record import Record, cached, deferred, later
from flash.errors import ArgumentTypeError


class Point(Record):
    x: int
    y: int = 2
    tags: tuple[str, ...] = ()
    count: ClassVar[int] = 7

    @cached
    def norm(self) -> list[int]:
        return [self.x + self.y]


class Named(Point):
    name: str = "n"


def test_positional_and_keyword() -> None:
    assert Point(1) == Point(x=1) == Point(1, 2) == Point(1, y=2, tags=())
    assert Point.field_names == ("x", "y", "tags")
    assert Named(1, 2, (), "a").name == "a"
    assert Point(1) != Point(2)
    assert Point(1) != Named(1)
    assert Point(1) != (1, 2, ())


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((), {}, "missing required argument: 'x'"),
        ((1, 2, 3, 4), {}, "takes at most 3 arguments .* got 4"),
        ((1,), {"x": 1}, "multiple values for argument 'x'"),
        ((1, 2, ()), {"y": 1}, "multiple values for argument 'y'"),
        ((1,), {"tgas": ()}, "unexpected keyword argument 'tgas'; did you mean 'tags'"),
        ((), {"z": 1}, "unexpected keyword argument 'z'"),
        ((), {"y": 1, "z": 1}, "unexpected keyword argument 'z'"),
    ],
)
def test_wrong_arguments(args: tuple[int, ...], kwargs: dict[str, int], text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=text):
        Point(*args, **kwargs)


def test_frozen() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="frozen"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        point.other = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="frozen"):
        del point.x


def test_hash_repr_match() -> None:
    assert len({Point(1), Point(1, 2), Point(2)}) == 2
    assert repr(Named(1, name="q")) == "Named(x=1, y=2, tags=(), name='q')"
    match Point(3):
        case Point(x, y):
            assert (x, y) == (3, 2)


def test_cached_is_no_field() -> None:
    point = Point(1)
    assert point.norm is point.norm
    assert point == Point(1)
    assert hash(point) == hash(Point(1))
    assert "norm" not in repr(point)
    assert "norm" not in pickle.loads(pickle.dumps(point)).__dict__


@pytest.mark.parametrize("one", [Point(1), Named(1, 3, ("a",), "b")])
def test_copies(one: Point) -> None:
    assert pickle.loads(pickle.dumps(one)) == one
    assert copy.copy(one) == copy.deepcopy(one) == one
    assert one.replace(x=5).x == 5
    assert one.replace(x=5).y == one.y


def test_dataclass_interface() -> None:
    named = Named(1)
    assert dataclasses.is_dataclass(named)
    assert dataclasses.is_dataclass(Named)
    assert [f.name for f in dataclasses.fields(Point)] == ["x", "y", "tags"]
    assert [f.name for f in dataclasses.fields(named)] == ["x", "y", "tags", "name"]
    assert dataclasses.fields(Point)[1].default == 2
    assert dataclasses.asdict(named) == {"x": 1, "y": 2, "tags": (), "name": "n"}
    assert dataclasses.astuple(Point(1)) == (1, 2, ())
    assert dataclasses.replace(named, y=9) == Named(1, 9)


def test_declaration_mistakes() -> None:
    with pytest.raises(TypeError, match="mutable"):

        class _Mutable(Record):
            x: list[int] = []  # noqa: RUF012

    with pytest.raises(TypeError, match="without default"):

        class _Order(Record):
            x: int = 1
            y: int


@pytest.mark.processes
def test_imports_stay_light() -> None:
    """The objects of a search load nothing that would be felt at process start."""
    script = (
        "import sys; before = set(sys.modules)\n"
        "import flash.spaces.space, flash.networks.degree, flash.networks.architecture\n"
        "import flash.base.checks\n"
        "space = flash.spaces.space.DenseNet(); space.plan(); space.bounds\n"
        "flash.networks.degree.nn_degree(space.decode(space.size - 1))\n"
        "heavy = {'dataclasses', 'inspect', 'typing', 'pathlib', 're', 'enum', 'json', 'difflib',"
        " 'numpy', 'functools', 'tempfile', 'random', 'flash.networks.network'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


class Lazy(Record):
    x: int
    y: tuple[int, ...] = later(())


def test_a_later_field_is_worked_out_once_when_asked() -> None:
    calls = []

    def work() -> tuple[int, ...]:
        calls.append(1)
        return (1, 2)

    one = Lazy(3, deferred(work))
    assert one.x == 3
    assert calls == []
    assert one.y == one.y == (1, 2)
    assert calls == [1]
    assert Lazy(3).y == ()
    with pytest.raises(AttributeError, match="frozen"):
        one.y = ()  # type: ignore[misc]


def test_a_later_field_is_there_for_all_that_reads_fields() -> None:
    def made() -> Lazy:
        return Lazy(3, deferred(lambda: (1, 2)))

    plain = Lazy(3, (1, 2))
    assert made() == plain
    assert hash(made()) == hash(plain)
    assert repr(made()) == repr(plain)
    assert pickle.loads(pickle.dumps(made())) == plain
    assert made().replace(x=4) == Lazy(4, (1, 2))
    assert dataclasses.asdict(made()) == {"x": 3, "y": (1, 2)}
    assert dataclasses.replace(made(), x=4) == Lazy(4, (1, 2))
