"""Tables of measured layers, from files and rows: docs/howto/layer-tables.md has their form."""

from __future__ import annotations

import os

from ..base.checks import (
    choice,
    faults,
    hint,
    known_keys,
    names,
    parse_json,
    path_of,
    read_text,
    real,
    shown,
    table,
    text,
)
from ..base.names import COSTS
from ..errors import ArgumentError, FlashError, FormatError
from ..networks.layer import KINDS, Layer
from ._layer_rows import CALL, TOLD, key_of
from ._layer_table import OUTSIDE, Entry, LayerTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

__all__ = ["UNITS", "from_data", "from_source", "take_kinds"]

UNITS = {  # columns of costs: metric, and what one of it is in the metric's own unit
    "latency_ms": ("latency_ms", 1.0),
    "latency_us": ("latency_ms", 1e-3),
    "latency_ns": ("latency_ms", 1e-6),
    "latency_s": ("latency_ms", 1e3),
    "energy_mj": ("energy_mj", 1.0),
    "energy_uj": ("energy_mj", 1e-3),
    "energy_j": ("energy_mj", 1e3),
}
METRICS = COSTS[:2]
NOTES = (  # columns that are about a row, and are not read
    *("conditions", "energy_source", "min_ms", "noise_pct", "note", "q1_ms", "q3_ms", "runs"),
    *("source", "std_ms"),
)
FIELDS = tuple(name for name in Layer.field_names if name not in ("inputs", "cell"))
COLUMNS = (*FIELDS, "name", "layers", *UNITS, *NOTES)
ENDINGS = (".csv", ".jsonl", ".json", ".parquet")
MAX_ROWS = 200_000
MAX_LAYERS = 1000  # of a block
LEAST = 0.05  # of what was measured is left where calls are subtracted
HEAD = ("rows", "call_ms", "overhead_ms", "overhead_mj", "scale", "outside", "free")
PAIRS = ("kernel", "stride", "padding", "dilation", "size", "padding_end", "padding_frames")
TEXTS = ("kind", "mode", "activation", "norm")


def take_kinds(name: str, value: Any) -> tuple[str, ...]:
    """Return kinds of layers, checked."""
    return names(name, (value,) if isinstance(value, str) else value, KINDS)


def from_source(
    source: Any,
    outside: str | None,
    free: Any,
    overhead_ms: float | None,
    scale: float | None,
    call_ms: float | None,
) -> LayerTable:
    """Return the table of what users pass: a path, rows or measurements.

    Raises
    ------
    FormatError, ArgumentError, ArgumentTypeError
        Where anything is not as it should be; the message names the row.
    """
    where, head, rows = _rows_of(source)
    given = {"outside": outside, "free": free, "overhead_ms": overhead_ms, "scale": scale}
    given["call_ms"] = call_ms
    for name, value in given.items():
        if value is not None:
            head[name] = value
    outside = choice(f"{where}outside", head.get("outside", "refuse"), OUTSIDE)
    free = take_kinds(f"{where}free", head.get("free", ()))
    factor = real(f"{where}scale", head.get("scale", 1.0), 0.0)
    beside = real(f"{where}overhead_ms", head.get("overhead_ms", 0.0), 0.0)
    joules = real(f"{where}overhead_mj", head.get("overhead_mj", 0.0), 0.0)
    with faults(where):
        entries, metrics, named, notes = _entries(where, rows)
    call = head.get("call_ms")
    entries, called = _less_calls(
        entries, metrics, None if call is None else real(f"{where}call_ms", call, 0.0)
    )
    notes |= called
    overhead = {"latency_ms": beside} | ({"energy_mj": joules} if "energy_mj" in metrics else {})
    if joules and "energy_mj" not in metrics:
        raise ArgumentError(f"{where}overhead_mj needs a column energy_mj, which no row has")
    found = LayerTable(entries, metrics, TOLD, outside, free)
    mentioned = set(found.mentions()) | named
    told = tuple(name for name in TOLD if name in mentioned)
    _refuse_twice(where, entries, told)
    return found.changed(told=told, scale={"latency_ms": factor}, overhead=overhead, notes=notes)


def from_data(where: str, data: Any) -> LayerTable:
    """Return the table of a target file."""
    keys = ("rows", "outside", "free", "told", "scale", "overhead", "notes")
    table(where, data, keys, ("rows",))
    with faults(where):
        entries, metrics, _named, _ = _entries(f"{where}: ", enumerate_rows(where, data["rows"]))
        told = names(f"{where}: told", data.get("told", []), TOLD)
        _refuse_twice(f"{where}: ", entries, told)
        factors = table(f"{where}: scale", data.get("scale", {}), metrics)
        beside = table(f"{where}: overhead", data.get("overhead", {}), metrics)
        return LayerTable(
            entries,
            metrics,
            told,
            choice(f"{where}: outside", data.get("outside", "refuse"), OUTSIDE),
            take_kinds(f"{where}: free", tuple(data.get("free", ()))),
            {name: real(f"{where}: scale.{name}", one, 0.0) for name, one in factors.items()},
            {name: real(f"{where}: overhead.{name}", one, 0.0) for name, one in beside.items()},
            table(f"{where}: notes", data.get("notes", {})),
        )


def enumerate_rows(where: str, rows: Any) -> list[tuple[str, Any]]:
    """Return rows with what to call each in errors."""
    if not isinstance(rows, (list, tuple)):
        raise FormatError(f"{where}: rows must be a list, got {shown(rows)}")
    return [(f"rows[{n}]", one) for n, one in enumerate(rows)]


def _less_calls(
    entries: Sequence[Entry], metrics: tuple[str, ...], call_ms: float | None
) -> tuple[list[Entry], dict[str, Any]]:
    """Return entries without the call of the runtime that each was measured with, and notes of it:
    what was given, or what the row of that name took."""
    named = [one for one in entries if one.name == CALL]
    rest = [one for one in entries if one.name != CALL]
    calls = [0.0] * len(metrics)
    if call_ms is not None:
        calls[0] = call_ms
    elif named and rest:
        calls = list(named[0].costs)
    if not rest or not any(calls):
        return rest or list(entries), {}
    less = [
        Entry(
            one.layers,
            [max(cost - call, LEAST * cost) for cost, call in zip(one.costs, calls, strict=True)],
            one.name,
        )
        for one in rest
    ]
    return less, {"call": dict(zip(metrics, calls, strict=True))}


# Rows of files, and of what users have in hand


def _rows_of(source: Any) -> tuple[str, dict[str, Any], list[tuple[str, Any]]]:
    """Return (what comes before messages, head, rows with what to call each)."""
    if isinstance(source, (str, os.PathLike)):
        path = path_of("source", source)
        ending = next((one for one in ENDINGS if path.lower().endswith(one)), None)
        if ending is None:
            raise ArgumentError(f"source must end in {', '.join(ENDINGS)}, got {shown(path)}")
        head, rows = _READERS[ending](path)
        return f"{path}: ", head, rows
    if isinstance(source, dict):
        known_keys("source", source, HEAD)
        head = dict(source)
        return "", head, enumerate_rows("source", head.pop("rows", ()))
    from ..base.checks import items

    given = items("source", source, MAX_ROWS)
    return "", {}, [(f"source[{n}]", one) for n, one in enumerate(given)]


def _from_csv(path: str) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    import csv

    reader = csv.reader(read_text(path, "source").removeprefix("\ufeff").splitlines())
    try:
        head = [one.strip() for one in next(reader, [])]
        if len(set(head)) < len(head):
            twice = next(one for one in head if head.count(one) > 1)
            raise FormatError(f"{path} has the column {twice!r} twice")
        rows = []
        for row in reader:
            if not row:
                continue
            line = reader.line_num
            if len(row) != len(head):
                raise FormatError(
                    f"{path}, line {line}: {len(row)} entries for {len(head)} columns"
                )
            cells = {name: _cell(name, one.strip()) for name, one in zip(head, row, strict=True)}
            rows.append((f"line {line}", {k: v for k, v in cells.items() if v is not None}))
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: {error}") from None
    _columns(f"{path}: ", head)
    return {}, rows


def _cell(name: str, value: str) -> Any:
    """Return what a cell of a CSV file says; None where it is empty."""
    if value == "":
        return None
    if name in ("name", *NOTES) or (name in TEXTS and value.lower() not in ("true", "false")):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    if value[0] in "[{":
        return parse_json(value, f"column {name}")
    return value


def _from_jsonl(path: str) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    held = read_text(path, "source")
    if held.startswith('{"journal"'):  # of `flash measure`
        from ._measurement import Measurement

        return {}, [(f"[{n}]", one) for n, one in enumerate(Measurement.load(path))]
    lines = [
        (f"line {n}", parse_json(line, f"{path}, line {n}"))
        for n, line in enumerate(held.split("\n"), 1)
        if line.strip()
    ]
    if lines and isinstance(lines[0][1], dict) and set(lines[0][1]) <= set(HEAD) - {"rows"}:
        return dict(lines[0][1]), lines[1:]
    return {}, lines


def _from_json(path: str) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    data = parse_json(read_text(path, "source"), path)
    head: dict[str, Any] = {}
    if isinstance(data, dict):
        head = dict(known_keys(path, data, HEAD))
        data = head.pop("rows", ())
    return head, enumerate_rows(path, data)


def _from_parquet(path: str) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    from ..base.extras import need_pyarrow

    parquet = need_pyarrow()
    import pyarrow

    try:
        rows = parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        raise FormatError(f"{path} cannot be read: {error}") from None
    return {}, [
        (f"row {n}", {name: one for name, one in row.items() if one is not None})
        for n, row in enumerate(rows)
    ]


_READERS = {
    ".csv": _from_csv,
    ".jsonl": _from_jsonl,
    ".json": _from_json,
    ".parquet": _from_parquet,
}


# From rows to entries


def _columns(where: str, given: Iterable[Any]) -> None:
    for name in given:
        if name not in COLUMNS:
            raise FormatError(
                f"{where}unknown column {shown(name)}{hint(name, COLUMNS)}; accepted are "
                f"fields of a layer ({', '.join(FIELDS[:9])}, ...), name, layers, "
                f"{', '.join(UNITS)}, {', '.join(NOTES)}"
            )


def _entries(
    where: str, rows: Sequence[tuple[str, Any]]
) -> tuple[list[Entry], tuple[str, ...], set[str], dict[str, Any]]:
    """Return (entries, metrics, fields of `TOLD` that rows name, notes)."""
    if not rows:
        raise ArgumentError(f"{where}a table must have at least one row, got none")
    if len(rows) > MAX_ROWS:
        raise ArgumentError(f"{where}at most {MAX_ROWS:,} rows are read, got {len(rows):,}")
    notes: dict[str, Any] = {}
    units: dict[str, tuple[str, str]] = {}  # of each metric: its column, and the row that has it
    first: tuple[str, tuple[str, ...]] | None = None
    entries, named = [], set()
    for at, row in rows:
        here = f"{where}{at}"
        layers, costs, own = _read(here, row, units, notes)
        metrics = tuple(name for name in METRICS if name in costs)
        if first is None:
            first = (at, metrics)
        if metrics != first[1]:
            raise FormatError(
                f"{here} has {' and '.join(metrics)}, {first[0]} has {' and '.join(first[1])}: "
                "all rows must have the same"
            )
        title = row.get("name") or "" if isinstance(row, dict) else getattr(row, "name", "")
        entries.append(
            Entry(layers, [costs[name] for name in metrics], text(f"{here}: name", str(title)))
        )
        named |= own
    assert first is not None
    return entries, first[1], named, notes


def _read(
    here: str, row: Any, units: dict[str, tuple[str, str]], notes: dict[str, Any]
) -> tuple[list[Layer], dict[str, float], set[str]]:
    """Return (layers, costs, fields of `TOLD` that are named) of a row."""
    from ._measurement import Measurement

    if isinstance(row, dict) and "subject" in row:
        row = Measurement.from_dict(row, here)
    if isinstance(row, Measurement):
        return _of_measurement(here, row, notes)
    if not isinstance(row, dict):
        raise FormatError(f"{here} must be a table of columns, got {shown(row)}")
    _columns(f"{here}: ", row)
    costs: dict[str, float] = {}
    for column, (metric, unit) in UNITS.items():
        if column not in row:
            continue
        known, there = units.setdefault(metric, (column, here))
        if known != column:
            raise FormatError(
                f"{here} has a column {column}, {'it' if there == here else there} has {known}: "
                "a table must keep to one unit"
            )
        costs[metric] = unit * real(f"{here}: {column}", row[column], 0.0)
    if "latency_ms" not in costs:
        accepted = [column for column, (metric, _) in UNITS.items() if metric == "latency_ms"]
        raise FormatError(f"{here} lacks a latency: one of {', '.join(accepted)}")
    fields = {name: value for name, value in row.items() if name in FIELDS}
    if "layers" not in row:
        return [_layer(here, fields)], costs, set(fields) & set(TOLD)
    if fields:
        raise FormatError(
            f"{here} has layers, which hold all of a block's fields, and beside them "
            f"{', '.join(fields)}"
        )
    layers = row["layers"]
    if isinstance(layers, str):
        layers = parse_json(layers, f"{here}: layers")
    if not isinstance(layers, (list, tuple)) or not 1 <= len(layers) <= MAX_LAYERS:
        raise FormatError(
            f"{here}: layers must be a list of 1 to {MAX_LAYERS} layers, got {shown(layers)}"
        )
    found = []
    for n, one in enumerate(layers):
        if not isinstance(one, (dict, Layer)):
            raise FormatError(f"{here}: layers[{n}] must be a table of fields, got {shown(one)}")
        own = one.to_dict() if isinstance(one, Layer) else one
        own = {name: value for name, value in own.items() if name not in ("inputs", "cell")}
        known_keys(f"{here}: layers[{n}]", own, FIELDS)
        found.append(_layer(f"{here}: layers[{n}]", own))
    return found, costs, set()


def _of_measurement(
    here: str, one: Any, notes: dict[str, Any]
) -> tuple[list[Layer], dict[str, float], set[str]]:
    from ..networks.operations import charged
    from ._samples import from_data as net_of

    if one.subject is None:
        raise FormatError(f"{here} ({one.name}) has no layers: flash could not read what was run")
    net = net_of(one.subject, here)
    network: Any = net.network() if hasattr(net, "cells") else net
    counted = charged(network)
    layers = [layer for layer, row in zip(counted.layers, counted.rows, strict=True) if row]
    if not layers:
        raise FormatError(f"{here} ({one.name}) has no layer that takes any work")
    costs = {"latency_ms": one.latency_ms}
    if one.energy_mj is not None:
        costs["energy_mj"] = one.energy_mj / int(one.conditions.get("batch", 1))
    notes.setdefault("runtime", one.runtime)
    notes.setdefault("device", one.device)
    keep = ("cpu", "device_name", "threads", "batch", "dtype", "clock", "system", "versions")
    notes.setdefault("conditions", {k: v for k, v in one.conditions.items() if k in keep})
    return layers, costs, set()


def _layer(here: str, fields: Mapping[str, Any]) -> Layer:
    """Return the layer of a row's fields."""
    own = {name: value for name, value in fields.items() if value is not None}
    if "kind" not in own:
        raise FormatError(f"{here} lacks a kind: one of {', '.join(KINDS)}")
    for one, other in (("in_channels", "out_channels"), ("out_channels", "in_channels")):
        if one not in own and other in own and own["kind"] not in ("conv", "linear"):
            own[one] = own[other]
    for name in ("in_channels", "out_channels"):
        if name not in own:
            raise FormatError(f"{here} lacks {name}")
    try:
        return Layer(**own)
    except FlashError as error:
        raise FormatError(f"{here}: {error}") from None


def _refuse_twice(where: str, entries: Sequence[Entry], told: Sequence[str]) -> None:
    """Refuse entries of equal layers and other costs."""
    from ._layer_rows import title

    seen: dict[Any, tuple[int, Entry]] = {}
    twice = []
    for n, one in enumerate(entries):
        key = tuple([key_of(layer, told) for layer in one.layers])
        before = seen.setdefault(key, (n, one))
        if before[1].costs != one.costs:
            twice.append((before[0], n, one, before[1]))
    if twice:
        first, second, one, other = twice[0]
        more = f"; {len(twice)} such in all" if len(twice) > 1 else ""
        name = one.name or " + ".join(map(title, one.layers))
        raise FormatError(
            f"{where}entries {first} and {second} are of equal layers ({name}) and differ: "
            f"{other.costs[0]:.6g} and {one.costs[0]:.6g} ms{more}"
        )
