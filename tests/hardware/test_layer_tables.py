"""Targets made of tables of measured layers and blocks: `Target.from_layer_table`."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import flash

CSV = """\
kind,in_channels,out_channels,kernel,stride,groups,height,width,mode,latency_ms,energy_mj
conv,3,8,3,1,1,16,16,,0.5,1.5
conv,8,8,3,1,1,16,16,,0.75,2.5
add,8,8,,,,16,16,,0.125,0.25
pool,8,8,,,,16,16,global_avg,0.0625,0.125
linear,8,10,,,,,,,0.25,0.5
"""


def network(**last: Any) -> flash.Network:
    return flash.Network.from_layers(
        [
            {"kind": "conv", "out_channels": 8, "kernel": 3, "norm": True, "activation": "relu"},
            {"kind": "conv", "out_channels": 8, "kernel": 3, "inputs": [0]},
            {"kind": "add", "inputs": [1, 0]},
            {"kind": "pool", "mode": "global_avg"},
            {"kind": "linear", "out_channels": 10, "bias": True, **last},
        ],
        (3, 16, 16),
    )


def rows() -> list[dict[str, Any]]:
    found = []
    head, *lines = CSV.splitlines()
    for line in lines:
        cells = dict(zip(head.split(","), line.split(","), strict=True))
        found.append(
            {
                name: one if name in ("kind", "mode") else float(one) if "_m" in name else int(one)
                for name, one in cells.items()
                if one
            }
        )
    return found


def conv(into: int, out: int, side: int, ms: float, **more: Any) -> dict[str, Any]:
    own = {"kind": "conv", "in_channels": into, "out_channels": out, "height": side, "width": side}
    return {**own, "kernel": 3, "latency_ms": ms, **more}


def one_conv(into: int, out: int, side: int, **more: Any) -> flash.Network:
    layer = {"kind": "conv", "out_channels": out, "kernel": 3, **more}
    return flash.Network.from_layers([layer], (into, side, side))


# Files


def test_files_of_all_kinds_say_the_same(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    (tmp_path / "t.csv").write_text(CSV)
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    (tmp_path / "t.json").write_text(json.dumps({"rows": rows()}))
    columns = {name: [row.get(name) for row in rows()] for name in CSV.split("\n")[0].split(",")}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    made = flash.Target.from_layer_table(rows(), name="t")
    for ending in ("csv", "jsonl", "json", "parquet"):
        assert flash.Target.from_layer_table(tmp_path / f"t.{ending}", name="t") == made, ending
    cost = made.cost(network())
    assert (cost.latency_ms, cost.energy_mj, cost.area_mm2) == (1.6875, 4.875, None)
    assert [one.latency_ms for one in cost.by_layer] == [0.5, 0.75, 0.125, 0.0625, 0.25]
    assert cost.flags == ()


def test_a_head_says_what_arguments_do(tmp_path: Path) -> None:
    head = {"overhead_ms": 1.0, "scale": 2.0, "outside": "flag", "free": ["add"]}
    (tmp_path / "t.json").write_text(json.dumps({**head, "rows": rows()}))
    lines = [json.dumps(head), *map(json.dumps, rows())]
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    given = flash.Target.from_layer_table(rows(), name="t", **head)  # type: ignore[arg-type]
    assert flash.Target.from_layer_table(tmp_path / "t.json", name="t") == given
    assert flash.Target.from_layer_table(tmp_path / "t.jsonl", name="t") == given
    cost = given.cost(network())
    assert cost.latency_ms == 1.0 + 2.0 * (1.6875 - 0.125)
    assert cost.energy_mj == 4.875 - 0.25
    assert cost.flags == ("t charges nothing for add rows",)
    assert sum(one.latency_ms for one in cost.by_layer) == pytest.approx(cost.latency_ms)
    other = flash.Target.from_layer_table(tmp_path / "t.json", name="t", scale=1.0)
    assert other.cost(network()).latency_ms == 1.0 + 1.5625
    with pytest.raises(flash.FlashError, match="no cost for: add rows"):
        given.cost(network(), strict=True)


@pytest.mark.parametrize(("unit", "factor"), [("us", 1e3), ("ns", 1e6), ("s", 1e-3)])
def test_units_are_told_by_columns(unit: str, factor: float) -> None:
    own = [
        {f"latency_{unit}" if k == "latency_ms" else k: v for k, v in row.items()} for row in rows()
    ]
    for row in own:
        row[f"latency_{unit}"] *= factor
        row["energy_j"] = row.pop("energy_mj") / 1e3
    cost = flash.Target.from_layer_table(own, name="t").cost(network())
    assert cost.latency_ms == pytest.approx(1.6875)
    assert cost.energy_mj == pytest.approx(4.875)


def test_a_target_file_holds_its_table(tmp_path: Path) -> None:
    block = {"name": "block", "latency_ms": 1.0, "energy_mj": 2.0}
    block["layers"] = [{"kind": "conv", "in_channels": 8, "out_channels": 8, "padding": 0}]
    target = flash.Target.from_layer_table(
        [*rows(), block], name="t", description="a device", overhead_ms=0.5, free="move"
    )
    target.to_json(tmp_path / "t.json")
    again = flash.Target.load(tmp_path / "t.json")
    assert again == target
    assert pickle.loads(pickle.dumps(target)) == target
    assert again.description == "a device"
    assert again.cost(network()) == target.cost(network())
    assert again != flash.Target.from_layer_table(rows(), name="t")
    data = target.to_dict()
    data["table"]["rows"][0]["latency_ms"] = -1
    with pytest.raises(flash.errors.FormatError, match=r"table: rows\[0\]: latency_ms must be"):
        flash.Target.from_dict(data)
    with pytest.raises(flash.errors.FormatError, match="unknown key 'coefficients'"):
        flash.Target.from_dict({**data, "coefficients": {}})


# What is refused


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"latency": 1.0}, r"source\[0\]: unknown column 'latency'; did you mean 'latency_"),
        ({"latency_us": 1.0}, r"source\[0\] has a column latency_us, it has latency_ms"),
        ({"latency_ms": -1.0}, r"source\[0\]: latency_ms must be"),
        ({"latency_ms": float("nan")}, r"source\[0\]: latency_ms must be .* got nan"),
        ({"energy_mj": "much"}, r"source\[0\]: energy_mj must be .* got 'much'"),
        ({"kind": "convolution"}, r"source\[0\]: kind must be one of"),
        ({"kind": None}, r"source\[0\] lacks a kind"),
        ({"out_channels": None}, r"source\[0\] lacks out_channels"),
        ({"groups": 5}, r"source\[0\]: groups must divide"),
        ({"layers": [{"kind": "add"}]}, r"source\[0\] has layers, .* beside them kind"),
    ],
)
def test_a_row_that_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    given = rows()
    given[0] |= change
    with pytest.raises(flash.errors.FormatError, match=message):
        flash.Target.from_layer_table(given, name="t")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "at least one row"),
        ([3], r"source\[0\] must be a table of columns, got 3"),
        ([{"kind": "conv"}], r"source\[0\] lacks a latency: one of latency_ms, latency_us"),
        ([{"layers": [], "latency_ms": 1}], "layers must be a list of 1 to 1000"),
        ([{"layers": "[1]", "latency_ms": 1}], r"layers\[0\] must be a table"),
        ([{"layers": [{"kern": 1}], "latency_ms": 1}], "unknown key 'kern'; did you mean 'kernel"),
        ({"row": []}, "unknown key 'row'; did you mean 'rows'"),
        ("table.txt", "must end in .csv"),
        (3, "source must be a list"),
    ],
)
def test_a_source_that_is_none_is_refused(given: Any, message: str) -> None:
    with pytest.raises(flash.FlashError, match=message):
        flash.Target.from_layer_table(given, name="t")


def test_mixed_units_and_costs_are_refused() -> None:
    first, second = rows()[:2]
    second["latency_us"] = second.pop("latency_ms")
    with pytest.raises(flash.errors.FormatError, match=r"latency_us, source\[0\] has latency_ms"):
        flash.Target.from_layer_table([first, second], name="t")
    del second["latency_us"], second["energy_mj"]
    second["latency_ms"] = 1.0
    with pytest.raises(flash.errors.FormatError, match="all rows must have the same"):
        flash.Target.from_layer_table([first, second], name="t")


def test_equal_layers_of_other_costs_are_refused() -> None:
    given = rows()
    again = {**given[1], "bias": True, "norm": "output"}  # folded, or of no weight
    assert flash.Target.from_layer_table([*given, again], name="t").cost(network())
    again["latency_ms"] = 0.5
    with pytest.raises(flash.errors.FormatError, match=r"entries 1 and 5 .*conv 3x3 8>8.*0.75 and"):
        flash.Target.from_layer_table([*given, again], name="t")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outside": "allow"}, "outside must be one of 'refuse', 'flag'"),
        ({"free": ["adds"]}, "free must be one of .* got 'adds'; did you mean 'add'"),
        ({"overhead_ms": -1}, "overhead_ms must be"),
        ({"scale": float("inf")}, "scale must be"),
        ({"call_ms": -0.5}, "call_ms must be"),
        ({"name": 3}, "name must be text"),
    ],
)
def test_other_arguments_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(flash.FlashError, match=message):
        flash.Target.from_layer_table(rows(), **{"name": "t", **options})


def test_broken_files_are_named(tmp_path: Path) -> None:
    for text, ending, message in (
        ("kind,kind\n", "csv", "has the column 'kind' twice"),
        ("kind,latency_ms\nconv\n", "csv", "line 2: 1 entries for 2 columns"),
        ("kind,lat\nconv,1\n", "csv", "unknown column 'lat'"),
        ("{", "jsonl", "line 1 is not valid JSON"),
        ('{"journal": 1}\n', "jsonl", "no finished measurement"),
        ("3", "json", "rows must be a list"),
        ("no parquet", "parquet", "cannot be read"),
    ):
        path = tmp_path / f"t.{ending}"
        path.write_text(text)
        with pytest.raises(flash.FlashError, match=message):
            flash.Target.from_layer_table(path, name="t")
    with pytest.raises(FileNotFoundError):
        flash.Target.from_layer_table(tmp_path / "none.csv", name="t")


def test_layers_without_an_entry_are_named() -> None:
    target = flash.Target.from_layer_table(rows()[:3], name="t")
    with pytest.raises(flash.FlashError) as error:
        target.cost(network(out_channels=20))
    text = str(error.value)
    assert "pool 8 at 16x16 (none of its kind, kernel, stride and groups was measured)" in text
    assert "linear 8>20 at 1x1" in text
    assert "free=" in text
    wide = flash.Target.from_layer_table(rows(), name="t")
    with pytest.raises(flash.FlashError, match=r"linear 8>20 .*measured for out_channels 10 to 10"):
        wide.cost(network(out_channels=20))


# Blocks


def test_the_fewest_and_longest_parts_are_taken() -> None:
    layers = [{k: v for k, v in row.items() if "_m" not in k} for row in rows()]
    pair = {"layers": layers[1:3], "name": "pair", "latency_ms": 10.0, "energy_mj": 20.0}
    three = {"layers": layers[1:4], "name": "three", "latency_ms": 100.0, "energy_mj": 200.0}
    across = {"layers": layers[3:5], "name": "tail", "latency_ms": 1000.0, "energy_mj": 1.0}
    cost = flash.Target.from_layer_table([*rows(), pair], name="t").cost(network())
    assert cost.latency_ms == 0.5 + 10.0 + 0.0625 + 0.25
    shares = [one.latency_ms for one in cost.by_layer]
    assert shares[1] + shares[2] == 10.0
    assert shares[1] > 5.0 * shares[2] > 0.0
    cost = flash.Target.from_layer_table([*rows(), pair, three], name="t").cost(network())
    assert cost.latency_ms == 0.5 + 100.0 + 0.25
    # three parts either way: the first is as long, the second longer
    cost = flash.Target.from_layer_table([*rows(), pair, three, across], name="t").cost(network())
    assert cost.latency_ms == 0.5 + 100.0 + 0.25
    # without the linear layer alone only one way is left
    some = [*rows()[:4], pair, three, across]
    assert flash.Target.from_layer_table(some, name="t").cost(network()).latency_ms == 1010.5


def test_blocks_are_json_in_csv(tmp_path: Path) -> None:
    layers = [{k: v for k, v in row.items() if "_m" not in k} for row in rows()]
    text = json.dumps(layers).replace('"', '""')
    (tmp_path / "t.csv").write_text(f'name,layers,latency_ms\nall of it,"{text}",3\n')
    assert flash.Target.from_layer_table(tmp_path / "t.csv", name="t").cost(
        network()
    ).latency_ms == pytest.approx(3.0)


def test_a_measured_way_goes_before_an_interpolated_one() -> None:
    some = [conv(8, 8, 16, 1.0), conv(8, 8, 64, 9.0), conv(8, 16, 16, 3.0), conv(8, 16, 64, 20.0)]
    two = {"kind": "conv", "in_channels": 8, "kernel": 3, "height": 32, "width": 32}
    block = {"layers": [{**two, "out_channels": 8}, {**two, "out_channels": 16}], "latency_ms": 50}
    net = flash.Network.from_layers(
        [
            {"kind": "conv", "out_channels": 8, "kernel": 3},
            {"kind": "conv", "out_channels": 16, "kernel": 3},
        ],
        (8, 32, 32),
    )
    assert 1.0 < flash.Target.from_layer_table(some, name="t").cost(net).latency_ms < 29.0
    assert flash.Target.from_layer_table([*some, block], name="t").cost(net).latency_ms == 50.0


def test_activations_count_where_a_table_tells_them_apart() -> None:
    plain = [conv(3, 8, 16, 1.0), conv(8, 8, 16, 2.0)]
    slow = {**plain[0], "activation": "hardswish", "latency_ms": 5.0}
    net, other = one_conv(3, 8, 16), one_conv(3, 8, 16, activation="hardswish")
    one = flash.Target.from_layer_table(plain, name="t")
    assert one.cost(net).latency_ms == one.cost(other).latency_ms == 1.0
    two = flash.Target.from_layer_table([*plain, slow], name="t")
    assert (two.cost(net).latency_ms, two.cost(other).latency_ms) == (1.0, 5.0)
    with pytest.raises(flash.FlashError, match="conv 3x3 3>8 at 16x16, gelu"):
        two.cost(one_conv(3, 8, 16, activation="gelu"))


# Between and outside of what was measured


def grid() -> list[dict[str, Any]]:
    return [
        conv(into, out, side, 0.01 + 1e-6 * into * out * side * side)
        for into in (8, 16, 32)
        for out in (8, 32)
        for side in (8, 16, 32)
    ]


def test_between_measured_sizes_costs_are_interpolated() -> None:
    target = flash.Target.from_layer_table(grid(), name="t")
    for row in grid():  # measured ones are met exactly
        net = one_conv(row["in_channels"], row["out_channels"], row["height"])
        assert target.cost(net).latency_ms == pytest.approx(row["latency_ms"], rel=1e-7)
    cost = target.cost(one_conv(24, 16, 12))
    assert cost.latency_ms == pytest.approx(0.01 + 1e-6 * 24 * 16 * 144, rel=0.02)
    assert cost.flags == ()
    assert target.table.error_left_out()["mape_pct"] < 2.0
    times = [target.cost(one_conv(16, out, 16)).latency_ms for out in range(8, 33)]
    assert times == sorted(times)


def test_outside_they_are_refused_or_flagged() -> None:
    net = one_conv(64, 16, 12)
    with pytest.raises(flash.FlashError, match=r"64>16 .*measured for in_channels 8 to 32"):
        flash.Target.from_layer_table(grid(), name="t").cost(net)
    target = flash.Target.from_layer_table(grid(), name="t", outside="flag")
    cost = target.cost(net)
    assert cost.latency_ms == pytest.approx(0.01 + 1e-6 * 64 * 16 * 144, rel=0.05)
    assert cost.flags == (
        "t extrapolates conv 3x3 64>16 at 12x12: it is outside of what was measured",
    )
    with pytest.raises(flash.FlashError, match="none of its kind, kernel"):
        target.cost(one_conv(16, 16, 16, kernel=5))
    with pytest.raises(flash.FlashError, match="none of its kind, kernel"):
        target.cost(one_conv(16, 16, 16, groups=16))


def test_blocks_are_interpolated_among_their_like() -> None:
    def block(width: int, ms: float) -> dict[str, Any]:
        own = {"kind": "conv", "height": 16, "width": 16, "in_channels": width}
        return {
            "layers": [
                {**own, "out_channels": width, "groups": width, "kernel": 3},
                {**own, "out_channels": 2 * width},
            ],
            "latency_ms": ms,
        }

    def net(width: int) -> flash.Network:
        return flash.Network.from_layers(
            [
                {"kind": "conv", "out_channels": width, "groups": width, "kernel": 3},
                {"kind": "conv", "out_channels": 2 * width},
            ],
            (width, 16, 16),
        )

    target = flash.Target.from_layer_table(
        [block(8, 1.0), block(16, 2.0), block(32, 4.0)], name="t"
    )
    assert target.cost(net(16)).latency_ms == 2.0
    assert target.cost(net(24)).latency_ms == pytest.approx(3.0, rel=0.1)
    with pytest.raises(flash.FlashError, match="depthwise 3x3 64>64"):
        target.cost(net(64))


def test_what_took_no_time_is_read() -> None:
    target = flash.Target.from_layer_table(
        [conv(8, 8, 8, 0.0), conv(16, 16, 16, 0.0), conv(32, 32, 32, 0.0)], name="t"
    )
    assert target.cost(one_conv(16, 16, 16)).latency_ms == 0.0
    assert target.cost(one_conv(16, 16, 12)).latency_ms < 1e-9


# The call, and whole networks


def test_the_call_is_subtracted() -> None:
    call = {"kind": "conv", "in_channels": 1, "out_channels": 1, "name": "call", "latency_ms": 0.01}
    some = [conv(8, 8, 16, 1.0), conv(8, 16, 16, 0.0101), call]
    target = flash.Target.from_layer_table(some, name="t")
    assert target.cost(one_conv(8, 8, 16)).latency_ms == pytest.approx(0.99)
    assert target.cost(one_conv(8, 16, 16)).latency_ms == pytest.approx(0.05 * 0.0101)
    assert target.table.notes["call"] == {"latency_ms": 0.01}
    kept = flash.Target.from_layer_table(some, name="t", call_ms=0)
    assert kept.cost(one_conv(8, 8, 16)).latency_ms == 1.0


def test_a_factor_and_a_constant_are_fitted() -> None:
    target = flash.Target.from_layer_table(grid(), name="t")
    nets = [one_conv(8, 8, 8), one_conv(16, 8, 32), one_conv(32, 32, 16)]
    sums = [target.cost(net).latency_ms for net in nets]
    fitted = target.fitted(nets, [0.7 * one + 0.3 for one in sums], name="fitted")
    assert fitted.name == "fitted"
    assert fitted.table.scale["latency_ms"] == pytest.approx(0.7, rel=1e-6)
    assert fitted.table.overhead["latency_ms"] == pytest.approx(0.3, rel=1e-6)
    assert fitted.table.notes["fitted"]["latency_ms"]["networks"] == 3
    assert fitted.table.notes["fitted"]["latency_ms"]["max_pct"] < 1e-3
    again = fitted.fitted(nets, sums)  # of the sums as they were measured
    assert again.table.scale["latency_ms"] == pytest.approx(1.0, rel=1e-6)
    below = target.fitted(nets, [one - 0.005 for one in sums])  # no constant is negative
    assert below.table.overhead["latency_ms"] == 0.0
    one = target.fitted(nets[:1], [2.0 * sums[0]])
    assert one.table.scale["latency_ms"] == pytest.approx(2.0)
    assert one.table.overhead["latency_ms"] == 0.0
    with pytest.raises(flash.FlashError, match="measured for"):
        target.fitted([one_conv(64, 8, 8)], [1.0])
    with pytest.raises(flash.FlashError, match=r"flash.calibrate"):
        flash.Target.load("cpu-x86").fitted(nets, sums)


def test_a_table_keeps_the_memory_of_its_device(tmp_path: Path) -> None:
    board = flash.Target.from_layer_table(rows(), name="board")
    board = board.with_memory(sram_kib=3, flash_kib=2, flash_taken_kib=0.5, int8=True)
    board.to_json(tmp_path / "board.json")
    again = flash.Target.load(tmp_path / "board.json")
    assert again == board
    assert again.int8
    assert again.memory_budgets == {"max_memory_kib": 3.0, "max_weights_kib": 1.5}
    cost = again.cost(network())
    small = network().with_bits(8)
    assert (cost.peak_memory_kib, cost.weights_kib) == (small.peak_memory_kib, small.weights_kib)
    fitted = again.fitted([network()], [3.0])
    assert fitted.memory_budgets == again.memory_budgets
    plain = flash.Target.from_layer_table(rows(), name="board")
    assert "parameters" not in plain.to_dict()
    data = {**plain.to_dict(), "parameters": {"sram_kib": 4, "clock_mhz": 216}}
    with pytest.raises(flash.FlashError, match=r"parameters.*clock_mhz"):
        flash.Target.from_dict(data)


def test_costs_do_not_depend_on_what_was_charged_before() -> None:
    """Scales go by numbers read and written, of which keys leave out what no row tells: padding."""
    table = [conv(16, 16, 8, 0.5), conv(16, 16, 32, 4.0)]

    def costs(order: tuple[int, ...]) -> dict[int, float | None]:
        target = flash.Target.from_layer_table(table, name="t")
        return {pad: target.cost(one_conv(16, 16, 12, padding=pad)).latency_ms for pad in order}

    assert costs((0, 1)) == costs((1, 0))


def test_a_journal_that_was_cut_off_is_read(tmp_path: Path) -> None:
    times = dict.fromkeys(("median_ms", "q1_ms", "q3_ms", "min_ms", "wall_ms", "cpu_ms"), 1.5)
    lines: list[dict[str, Any]] = [{"journal": 1}]
    for out in (8, 16):
        one = flash.Measurement(
            name=f"c{out}", runtime="torch", device="cpu", **times, noise_pct=1.0, runs=9,
            passes=2, warmup_runs=1, settled=True, energy_mj=None, energy_source="",
            conditions={}, subject={"network": one_conv(3, out, 8).to_dict()},
        )  # fmt: skip
        lines.append({"key": one.name, "measurement": one.to_dict()})
    whole = "".join(json.dumps(line) + "\n" for line in lines)
    path = tmp_path / "m.jsonl"
    path.write_text(whole)
    full = flash.Target.from_layer_table(path, name="t")
    path.write_text(whole + '{"key": "c32", "measu')
    assert flash.Target.from_layer_table(path, name="t") == full


def test_a_name_of_null_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(
        json.dumps({"rows": [{**one, "name": None} for one in rows()]})
    )
    bare = flash.Target.from_layer_table(rows(), name="t")
    assert flash.Target.from_layer_table(tmp_path / "t.json", name="t") == bare


def test_blocks_with_layers_that_are_free_are_found() -> None:
    first = {"kind": "conv", "in_channels": 3, "out_channels": 8, "height": 16, "width": 16}
    act = {"kind": "act", "in_channels": 8, "out_channels": 8, "height": 16, "width": 16}
    layers = [{**first, "kernel": 3}, {**act, "activation": "relu"}]
    table = [{"layers": layers, "latency_ms": 0.75}]
    net = flash.Network.from_layers(
        [{"kind": "conv", "out_channels": 8, "kernel": 3}, {"kind": "act", "activation": "relu"}],
        (3, 16, 16),
    )
    for free in ((), "act"):
        target = flash.Target.from_layer_table(table, name="t", free=free)
        assert target.cost(net).latency_ms == pytest.approx(0.75), free
    alone = [*table, {**layers[0], "latency_ms": 0.5}]
    target = flash.Target.from_layer_table(alone, name="t", free="act")
    assert target.cost(net).latency_ms == pytest.approx(0.5)
