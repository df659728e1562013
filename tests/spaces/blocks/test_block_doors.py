"""Spaces of blocks at the doors beside the search: rows, sweeps, designs, screens and files."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.processes import Run
from twins.small_block_spaces import (
    MAKERS,
    conv,
    costs_of,
    head,
    mb,
    networks_of,
    of_blocks,
    of_stages,
    plain,
    space_of,
    stem,
)

import flash
from flash import BlockNetwork, BlockSpace, Stage
from flash.errors import ArgumentError, FormatError
from flash.spaces.network_files import network_from_dict

NAMES = tuple(MAKERS)


def rows_named(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (3, 5)) -> Any:
    return [conv(out_channels, kernel, stride)]


@pytest.fixture(scope="module")
def named() -> BlockSpace:
    """A space whose blocks are all known by name: one of flash, one that is registered here."""
    flash.register("block", "named-conv", rows_named)
    data = {
        "family": "blocks",
        "name": "named",
        "input": [3, 32, 32],
        "num_classes": 10,
        "stem": {"options": {"stem": "mobile-stem"}, "widths": 8, "stride": 2},
        "stages": [
            {
                "name": "a",
                "options": {
                    "ir": {"block": "inverted-residual", "choices": {"kernel": [3, 5]}},
                    "conv": "named-conv",
                    "skip": None,
                },
                "widths": [16, 24],
                "repeats": {"low": 1, "high": 2},
                "stride": 2,
            }
        ],
        "head": {"options": {"head": "mobile-head"}, "widths": 10},
    }
    return BlockSpace.from_dict(data)


# Rows


@pytest.mark.parametrize("name", NAMES)
def test_evaluate_in_every_form(name: str, tmp_path: Path) -> None:
    space, costs = space_of(name), costs_of(name, "cpu-x86")
    some = [int(index) for index in space.sample_indices(50, seed=3)]
    expected = [costs[index]["latency_ms"] for index in some]
    rows = np.array([networks_of(name)[index].row for index in some])
    for given in (some, np.array(some), rows, rows.astype(np.int8)):
        assert flash.evaluate(space, "cpu-x86", given)["latency_ms"].tolist() == expected
    assert flash.Target.load("cpu-x86").costs(space, some)["latency_ms"].tolist() == expected
    assert [space.index(row) for row in rows.tolist()] == some
    parquet = pytest.importorskip("pyarrow.parquet")
    parts = iter([some[:20], some[20:]])
    flash.evaluate(space, "cpu-x86", parts, out=tmp_path / "rows.parquet")
    read = parquet.read_table(tmp_path / "rows.parquet").to_pydict()
    assert read["latency_ms"] == expected


def told_apart(network: BlockNetwork) -> Any:
    """Return what tells a network from others: where each block is a cell, its place too."""
    placed = network.family == "of-blocks"
    blocks = [
        (name if placed else name.rpartition("_")[0], one.variant.label, one.out_channels)
        for name, one in network.named()
    ]
    return network.input_shape, tuple(blocks)


@pytest.mark.parametrize("name", NAMES)
def test_sweeps_of_all_and_of_samples(name: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    space, costs = space_of(name), costs_of(name, "cpu-x86")
    limit = float(np.quantile([one["latency_ms"] for one in costs], 0.5))
    found = flash.sweep(space, "cpu-x86", max_latency_ms=limit, top=7, bins=8)
    fits = [k for k, one in enumerate(costs) if one["latency_ms"] <= limit]
    assert found.count == space.size
    assert found.feasible == len(fits)
    different = {told_apart(networks_of(name)[k]): costs[k]["nn_degree"] for k in fits}
    best = sorted(different.values(), reverse=True)[:7]
    assert [one.nn_degree for one in found.top] == pytest.approx(best)
    assert found.histograms is not None
    assert sum(found.histograms["latency_ms"].counts) == len(fits)
    given: dict[str, Any] = {"sample": 200, "seed": 4, "top": 3, "out": tmp_path / "s", "chunk": 64}
    sampled = flash.sweep(space, "cpu-x86", **given)
    assert sampled.rows == min(200, space.size)
    again = flash.sweep(space, "cpu-x86", **given)
    assert again.top == sampled.top
    assert flash.SweepResult.from_json(found.to_json()).top == found.top
    assert found.to_frame()["nn_degree"].tolist() == [one.nn_degree for one in found.top]


class Elsewhere(Executor):
    """Stands for other processes."""

    def submit(self, *given: Any, **more: Any) -> Future[Any]:
        raise AssertionError("nothing is to be handed in")


def test_executors(named: BlockSpace) -> None:
    space = space_of("of-stages")
    with pytest.raises(ArgumentError, match="blocks that are functions, which other processes"):
        flash.sweep(space, "cpu-x86", executor=Elsewhere())
    whole = flash.sweep(space, "cpu-x86", top=3)
    with ThreadPoolExecutor(2) as pool:
        assert flash.sweep(space, "cpu-x86", executor=pool, top=3).top == whole.top
        told = flash.sweep(named, "cpu-x86", executor=pool, top=3)
        assert told.top == flash.sweep(named, "cpu-x86", top=3).top


def test_designs_and_calibration() -> None:
    space = space_of("of-stages")
    design = flash.calibration_design(space, "cpu-x86", 8, seed=1)
    assert len({one.row for one in design}) == 8
    assert all(isinstance(one, BlockNetwork) for one in design)
    device = flash.Target.load("cpu-x86")
    measured = [1.2 * device.cost(one).latency_ms for one in space.sample(40)]
    fitted = flash.calibrate("cpu-x86", space.sample(40), latency_ms=measured)
    some = space.sample(60)[50:]
    told = [fitted.cost(one).latency_ms for one in some]
    assert told == pytest.approx([1.2 * device.cost(one).latency_ms for one in some], rel=0.05)
    found = flash.search(space, fitted, max_latency_ms=0.04)
    assert found.proven
    assert found.architecture is not None
    assert fitted.cost(found.architecture).latency_ms == found.latency_ms


# Screens


def test_screens_name_options(monkeypatch: pytest.MonkeyPatch) -> None:
    space = space_of("of-stages")
    found = flash.search(
        space, "cpu-x86", where="option_a_0 == 'plain' and act_a_0 == 'gelu' and depth_a == 1"
    )
    text = str(found)
    assert "plain act gelu" in text
    assert "of-stages on cpu-x86: OPTIMAL" in text
    assert "input of 3 x 32 x 32" in text
    for page in (found._repr_html_(), space._repr_html_(), found.architecture._repr_html_()):
        assert "plain" in page
    row = found.to_frame().iloc[0]
    assert row["block_a_0"] == "plain act gelu"
    assert row["width_b"] in (16, 24)
    front = flash.pareto(space, "cpu-x86")
    assert set(front.to_frame()["block_b"]) <= set(space.choices_of("block_b"))
    pytest.importorskip("matplotlib")
    assert found.plot().axes
    assert front.plot() is not None


# Files


@pytest.mark.parametrize("name", NAMES)
def test_results_come_back_in_this_process(name: str) -> None:
    space = space_of(name)
    found = flash.search(space, "cpu-x86", k=2, where="latency_ms >= 0.01")
    for again in (
        flash.SearchResult.from_json(found.to_json()),
        flash.SearchResult.from_dict(found.to_dict(), space=space),
    ):
        assert again == found
        assert again.space is space
        assert again.architecture == found.architecture
    network = networks_of(name)[7]
    for data in (network.to_dict(), json.loads(network.to_json())):
        assert network_from_dict(data) == network
    assert BlockNetwork.from_json(network.to_json()) == network
    for one in (copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))):
        assert one(space) == space
        assert one(network) == network
        assert one(found).x == found.x


def test_functions_are_not_known_elsewhere(tmp_path: Path, python: Run) -> None:
    space = space_of("of-stages")
    found = flash.search(space, "cpu-x86")
    found.to_json(tmp_path / "r.json")
    flash.pareto(space, "cpu-x86").to_json(tmp_path / "f.json")
    networks_of("of-stages")[3].to_json(tmp_path / "n.json")
    text = python(
        "-c",
        "import flash\n"
        "from flash.errors import FormatError\n"
        "for read, path in ((flash.SearchResult, 'r'), (flash.ParetoFront, 'f'), "
        "(flash.BlockNetwork, 'n')):\n"
        f"    try: read.from_json(r'{tmp_path}/' + path + '.json')\n"
        "    except FormatError as error: print(error)\n"
        "    else: raise SystemExit('it was read')\n",
    ).stdout
    assert text.count("'of-stages', has blocks that are functions, which a file does not hold") == 3
    assert text.count("flash.register('space', name, space)") == 3


def test_registered_spaces_of_functions() -> None:
    def made() -> BlockSpace:
        return of_stages(name="registered-blocks")

    flash.register("space", "registered-blocks", made)
    by_name = flash.search("registered-blocks", "cpu-x86", max_latency_ms=0.04)
    assert by_name.space.name == "registered-blocks"
    assert by_name.x == flash.search(made(), "cpu-x86", max_latency_ms=0.04).x
    again = flash.SearchResult.from_json(by_name.to_json())
    assert again.x == by_name.x
    assert flash.sweep("registered-blocks", "cpu-x86", top=1).top[0].x is not None


def test_named_blocks_in_files(named: BlockSpace, tmp_path: Path) -> None:
    data = named.to_dict()
    assert "digest" not in data
    assert BlockSpace.from_dict(json.loads(json.dumps(data))) == named
    (tmp_path / "s.json").write_text(json.dumps(data))
    (tmp_path / "s.toml").write_text(TOML)
    read = flash.SearchSpace.load(tmp_path / "s.json")
    assert read == named
    told: Any = flash.SearchSpace.load(tmp_path / "s.toml")
    assert isinstance(told, BlockSpace)
    assert told.size == 2 * (6 + 6 * 7)  # two widths; kernels by expansions, and skip
    found = flash.search(str(tmp_path / "s.toml"), "cpu-x86", where="option_a_0 == 'ir'")
    assert found.proven
    assert flash.search(tmp_path / "s.toml", "cpu-x86", where="option_a_0 == 'ir'").x == found.x
    assert flash.evaluate(tmp_path / "s.toml", "cpu-x86", [0])["params"][0] > 0
    again = flash.SearchResult.from_json(found.to_json())
    assert again == found
    network = named.decode(5)
    assert network_from_dict(json.loads(network.to_json())) == network


TOML = """
name = "mine"
input = [3, 32, 32]
num_classes = 10

[stem]
options = {stem = {block = "mobile-stem"}}
widths = 8
stride = 2

[[stages]]
name = "a"
options = {ir = {block = "inverted-residual", choices = {kernel = [3, 5]}}, skip = "skip"}
widths = [16, 24]
repeats = [1, 2]
stride = 2

[head]
options = {head = {block = "mobile-head"}}
widths = 10
"""


def test_saved_and_loaded(named: BlockSpace, tmp_path: Path) -> None:
    known = BlockSpace.from_dict({"family": "mobilenet-v3", "depths": [2], "resolution": 64})
    for name, space in (("named", named), ("known", known), ("here", space_of("of-sizes"))):
        for end in ("toml", "json"):
            path = tmp_path / f"{name}.{end}"
            space.save(path)
            assert BlockSpace.load(path).to_dict() == space.to_dict()
            assert BlockSpace.load(path).decode(7).blocks == space.decode(7).blocks
    flash.DenseNet().save(tmp_path / "d.toml")
    with pytest.raises(FormatError, match="is of a space of 'densenet', not of blocks"):
        BlockSpace.load(tmp_path / "d.toml")


def test_known_spaces_with_options() -> None:
    space = BlockSpace.from_dict(
        {"family": "mobilenet-v3", "depths": [2], "kernels": [3, 5], "resolution": 64}
    )
    data = space.to_dict()
    assert data["family"] == "mobilenet-v3"
    assert set(data) == {"family", "depths", "kernels", "resolution"}
    found = flash.search(space, "cpu-x86", max_latency_ms=3.0)
    again = flash.SearchResult.from_json(found.to_json())
    assert again.space.to_dict() == data
    assert again.x == found.x
    networks = space.sample(3)
    read = [network_from_dict(json.loads(one.to_json())) for one in networks]
    assert [one.to_dict() for one in read] == [one.to_dict() for one in networks]
    assert read[0].space is read[1].space  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"choices": {"block_c": 1}}, "no variable 'block_c'"),
        ({"choices": {"block_b": 99}}, "choice index of block_b must be in 0..5, got 99|block_b"),
        ({"choices": {"block_b": -1}}, "choices"),
        ({"choices": 3}, "choices"),
        ({"blocks": []}, "choices and blocks are not the same network"),
        ({"family": "other"}, "its space is 'of-stages', not 'other'"),
        ({"space": {"family": "nothing"}}, "space"),
        ({"space": 3}, "space"),
        ({"more": 1}, "unknown key 'more'"),
    ],
)
def test_damaged_networks(change: dict[str, Any], message: str) -> None:
    data = {**networks_of("of-stages")[9].to_dict(), **change}
    with pytest.raises(FormatError, match=message):
        network_from_dict(data)


@pytest.mark.parametrize("key", ["family", "space", "blocks"])
def test_networks_that_lack_something(key: str) -> None:
    data = networks_of("of-stages")[9].to_dict()
    del data[key]
    with pytest.raises(FormatError, match=f"lacks the key '{key}'"):
        network_from_dict(data)


def test_the_order_of_options_counts(named: BlockSpace) -> None:
    """Networks are numbered in it, and programs that sort the keys of JSON must not change it."""
    text = json.dumps(named.to_dict(), sort_keys=True)
    again = BlockSpace.from_dict(json.loads(text))
    assert again == named
    for index in range(0, named.size, 5):
        assert again.decode(index).blocks == named.decode(index).blocks
    network = named.decode(11)
    read = network_from_dict(json.loads(json.dumps(network.to_dict(), sort_keys=True)))
    assert read == network
    of_functions = json.dumps(networks_of("of-blocks")[5].to_dict(), sort_keys=True)
    assert network_from_dict(json.loads(of_functions)) == networks_of("of-blocks")[5]
    one, other = (
        BlockSpace(
            [Stage(options, 8, name="a", stride=2)], input=(3, 16, 16), num_classes=4, head=head
        )
        for options in ({"mb": mb, "plain": plain}, {"plain": plain, "mb": mb})
    )
    assert one != other
    assert one.decode(0).blocks != other.decode(0).blocks


def test_predictors_keep_their_networks() -> None:
    space = space_of("of-blocks")
    some = space.sample(30)
    predictor = flash.AccuracyPredictor.fit(some, [0.4 + one.params / 1e5 for one in some])
    again = flash.AccuracyPredictor.from_dict(json.loads(predictor.to_json()))
    assert [one for one, _ in again.trained] == [one for one, _ in predictor.trained]
    assert again.predict_one(some[0]) == predictor.predict_one(some[0])


def test_equal_spaces_are_equal() -> None:
    assert of_blocks() == of_blocks()
    assert of_blocks() != of_blocks(num_classes=6)
    assert hash(of_blocks()) == hash(of_blocks())
    stages = [Stage({"mb": mb, "plain": plain}, 16, name="a", stride=2)]
    one = BlockSpace(stages, input=(3, 32, 32), stem=Stage(stem, 8, name="stem"), head=head)
    assert one.decode(0) != space_of("of-stages").decode(0)
    with pytest.raises(ArgumentError, match="network is of another space"):
        space_of("of-stages").encode(one.decode(0))


def test_a_copy_with_changes_is_no_longer_what_its_origin_makes() -> None:
    from flash.spaces.known.homes import known_space

    space = known_space("mcunet")
    changed = space.replace(num_classes=10)
    assert space.to_dict() == {"family": "mcunet"}
    assert changed.to_dict()["num_classes"] == 10
    assert BlockSpace.from_dict(changed.to_dict()) == changed


def test_what_to_dict_gives_is_the_reader_s_own() -> None:
    space = of_blocks()
    told = space.to_dict()
    told["stages"][0]["stride"] = 7
    assert space.to_dict()["stages"][0]["stride"] != 7


def test_spaces_of_functions_are_known_while_they_are_in_use() -> None:
    spaces = [
        BlockSpace([Stage({"a": plain}, [8])], input=(3, 8, 8), name=f"b{k}") for k in range(18)
    ]
    for one in spaces:
        one.to_dict()
    assert BlockSpace.from_dict(spaces[0].to_dict()) is spaces[0]


def test_stages_of_one_block_keep_their_names() -> None:
    space = BlockSpace([Stage({"a": plain}, [8], name="my_stage")], input=(3, 8, 8))
    assert [stage for stage, *_ in space.decode([0] * len(space.lengths)).blocks] == ["my_stage"]


def test_space_may_stand_for_family() -> None:
    from flash.spaces.named import space_from

    assert space_from({"space": "mcunet"}) == space_from({"family": "mcunet"})
