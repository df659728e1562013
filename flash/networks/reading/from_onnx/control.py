"""Branches and loops of ONNX files: which of them is read, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import AttributeProto

from ....errors import FormatError
from ..operations import Listing
from .calls import Call, Open, Unknown
from .values import Stored, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["CONTROL"]

MAX_ROUNDS = 1 << 12  # of a loop


class _Branch(NamedTuple):
    """What reading a branch has made."""

    listing: Listing
    results: list[Value]
    handed: list[int]
    uses: list[tuple[Stored, str]]
    unknown: list[tuple[str, str, str]]


def _branch(call: Call) -> None:
    """If: the branch that a constant chooses, else the one with more to do."""
    reader = call.reader
    condition = call.value(0)
    graphs = [
        one.g
        for name in ("then_branch", "else_branch")
        if (one := call.fields.get(name)) is not None and one.type == AttributeProto.GRAPH
    ]
    if len(graphs) != 2:
        raise call.wrong("it must have two branches")
    if condition.array is not None:
        results = reader.subgraph(call, graphs[0 if np.all(condition.array) else 1])
    else:
        if condition.number is not None:
            reader.handed.append(condition.number)
        results = _larger(call, graphs)
    for place, value in enumerate(results):
        call.set(place, value)


def _larger(call: Call, graphs: Sequence[Any]) -> list[Value]:
    """Read both branches and keep the one with more products."""
    reader = call.reader
    tried: list[tuple[tuple[bool, int], _Branch]] = []
    failed: FormatError | None = None
    for graph in graphs:
        outer = reader.listing
        reader.listing = Listing()
        reader.listing.values = outer.values
        marks = len(reader.handed), len(reader.uses), len(reader.unknown)
        try:
            results = reader.subgraph(call, graph)
            kept = _Branch(
                *(reader.listing, results, reader.handed[marks[0] :], reader.uses[marks[1] :]),
                reader.unknown[marks[2] :],
            )
            tried.append(((bool(kept.unknown), -_work(kept.listing.operations)), kept))
        except FormatError as error:
            failed = failed or error
        finally:
            reader.listing = outer
            for stored, key in reader.uses[marks[1] :]:
                stored.used.discard(key)
            del reader.handed[marks[0] :], reader.uses[marks[1] :], reader.unknown[marks[2] :]
    if not tried:
        raise failed or call.wrong("neither of its branches can be read")
    tried.sort(key=lambda one: one[0])
    best, other = tried[0][1], tried[-1][1]
    if failed is not None or tried[0][0] != tried[-1][0]:
        reader.notes.append(
            f"{call.at}: its condition depends on the data; the branch with more "
            "multiply-accumulates counts"
        )
    reader.listing.operations += best.listing.operations
    reader.listing.values = best.listing.values
    reader.handed += best.handed
    reader.unknown += best.unknown
    for stored, key in best.uses:
        stored.used.add(key)
    reader.uses += best.uses
    return [_either(value, other.results[place:]) for place, value in enumerate(best.results)]


def _loop(call: Call) -> None:
    """Loop: its rounds one after the other, where their number is a constant."""
    reader = call.reader
    body = _body(call)
    trips, condition = call.get(0), call.get(1)
    states = [call.value(place) for place in range(2, len(call.inputs))]
    outputs = len(body.output) - 1 - len(states)
    rounds = None if trips is None else trips.array
    if rounds is None and trips is not None and not trips.is_constant:
        raise Open("the number of its rounds depends on the data")
    limit = MAX_ROUNDS + 1 if rounds is None else int(np.asarray(rounds).ravel()[0])
    goes: Any = True if condition is None else condition.array
    collected: list[list[Value]] = [[] for _ in range(outputs)]
    turn = 0
    while turn < limit:
        if goes is None:
            raise Open("whether it goes on depends on the data")
        if not np.all(goes):
            break
        if turn >= MAX_ROUNDS:
            raise call.wrong(f"a loop must have at most {MAX_ROUNDS} rounds, got more")
        given = [Value.of(np.array(turn)), Value.of(np.array(True)), *states]
        results = reader.subgraph(call, body, given, f".{turn}")
        goes = results[0].array
        states = results[1 : 1 + len(states)]
        for kept, value in zip(collected, results[1 + len(states) :], strict=True):
            kept.append(value)
        turn += 1
    for place, value in enumerate(states):
        call.set(place, value)
    for place, kept in enumerate(collected):
        call.set(len(states) + place, _stacked(call, kept, 0))


def _scan(call: Call) -> None:
    """Scan: its rounds over one axis of what it reads."""
    reader = call.reader
    body = _body(call)
    count = int(call.attribute("num_scan_inputs", 0))
    first = 1 if reader.opset < 9 else 0
    if first:
        raise Unknown("of opset 8")
    given = [call.value(place) for place in range(len(call.inputs))]
    if not 0 < count <= len(given):
        raise call.wrong(f"num_scan_inputs must be 1 to {len(given)}, got {count}")
    states, scanned = given[: len(given) - count], given[len(given) - count :]
    axes = _listed_axes(call, "scan_input_axes", count)
    outputs = len(body.output) - len(states)
    into = _listed_axes(call, "scan_output_axes", outputs)
    lengths = set()
    for value, axis in zip(scanned, axes, strict=True):
        shape = call.shape_of(value)
        lengths.add(shape[call.axis(axis, len(shape))])
    if len(lengths) != 1:
        raise call.wrong(f"its inputs must be of one length, got {sorted(lengths)}")
    length = lengths.pop()
    if length > MAX_ROUNDS:
        raise call.wrong(f"it must have at most {MAX_ROUNDS} rounds, got {length}")
    collected: list[list[Value]] = [[] for _ in range(outputs)]
    for turn in range(length):
        parts = []
        for value, axis in zip(scanned, axes, strict=True):
            rest = list(call.shape_of(value))
            del rest[axis % len(rest)]
            parts.append(call.view(value, rest, None, partly=True))
        results = reader.subgraph(call, body, [*states, *parts], f".{turn}")
        states = results[: len(states)]
        for kept, value in zip(collected, results[len(states) :], strict=True):
            kept.append(value)
    for place, value in enumerate(states):
        call.set(place, value)
    for place, kept in enumerate(collected):
        call.set(len(states) + place, _stacked(call, kept, into[place]))


def _each(call: Call) -> None:
    """SequenceMap: its body for each value of a sequence."""
    reader = call.reader
    body = _body(call)
    given = call.given()
    first = given[0].items
    if first is None:
        raise Open("which values its sequence holds depends on the data")
    made: list[list[Value]] = [[] for _ in body.output]
    for turn in range(len(first)):
        parts = [one if one.items is None else one.items[turn] for one in given]
        results = reader.subgraph(call, body, parts, f".{turn}")
        for kept, value in zip(made, results, strict=True):
            kept.append(value)
    for place, kept in enumerate(made):
        call.set(place, Value.sequence(kept))


def _body(call: Call) -> Any:
    attribute = call.fields.get("body")
    if attribute is None or attribute.type != AttributeProto.GRAPH:
        raise call.wrong("it must have a body")
    return attribute.g


def _listed_axes(call: Call, name: str, count: int) -> list[int]:
    axes = call.int_list(name) or [0] * count
    if len(axes) != count:
        raise call.wrong(f"{name} must have {count} axes, got {len(axes)}")
    return axes


def _stacked(call: Call, values: list[Value], axis: int) -> Value:
    """Return values one after the other along a new axis."""
    if not values:
        return Value(None)
    shapes = {one.shape for one in values}
    shape = shapes.pop()
    if shapes or shape is None:
        return Value(None)
    axis %= len(shape) + 1
    whole = (*shape[:axis], len(values), *shape[axis:])
    if all(one.array is not None for one in values):
        return Value.of(np.stack([one.array for one in values], axis))
    computed = [one for one in values if one.number is not None] or values
    return call.give("move", computed, whole, None, mode="concat")


def _either(value: Value, others: Sequence[Value]) -> Value:
    """Return what is known of a value that may be another one."""
    if not value.is_constant or value.array is None:
        return value
    other = others[0].array if others and others[0].is_constant else None
    if other is not None and np.array_equal(value.array, other):
        return value
    return Value(value.shape, value.kind, None, True)


def _work(operations: Iterable[Any]) -> int:
    """Return about how many multiply-accumulates operations have."""
    total = 0
    for one in operations:
        fields = one.fields
        if one.kind == "matmul":
            total += fields["batch"] * fields["rows"] * fields["inner"] * fields["columns"]
        elif one.kind in ("conv", "linear", "recurrent"):
            count = 1
            for size in one.shape:
                count *= size
            window = 1
            for size in fields.get("kernel", ()):
                window *= size
            total += count * window * fields.get("in_channels", 1) // fields.get("groups", 1)
    return total


CONTROL: dict[str, Callable[[Call], None]] = {
    "If": _branch,
    "Loop": _loop,
    "Scan": _scan,
    "SequenceMap": _each,
}
