"""Width multipliers of a `BlockSpace`."""

from __future__ import annotations

import pytest

import flash
from flash.problem.blocks import compile_blocks


def rows(in_channels, out_channels, stride, *, kernel=(1, 3)):
    return [
        {
            "kind": "conv",
            "in_channels": in_channels,
            "out_channels": out_channels,
            "kernel": kernel,
            "stride": stride,
            "norm": "output",
            "activation": "relu",
        }
    ]


def head(in_channels, out_channels, stride):
    return [
        {"kind": "pool", "mode": "global_avg", "in_channels": in_channels, "inputs": [-1]},
        {"kind": "linear", "in_channels": in_channels, "out_channels": out_channels, "bias": True},
    ]


def space(*stages: flash.Stage, **more) -> flash.BlockSpace:
    more = {"num_classes": 10, "head": head, "width_multipliers": (0.5, 1, 1.2), **more}
    return flash.BlockSpace(list(stages), (3, 16, 16), **more)


def channels(net: flash.BlockNetwork) -> list[int]:
    return [out for _, _, out in net.blocks]


def test_all_widths_but_the_classes_are_multiplied() -> None:
    made = space(
        flash.Stage(rows, 32, 2), flash.Stage(rows, [40, 80], stride=2), stem=rows, num_classes=13
    )
    assert made.variables[0] == "width_multiplier"
    assert made.choices_of("width_multiplier") == (0.5, 1, 1.2)
    assert made.size == 3 * 2 * 4 * 2 * 2
    found = {
        choice: channels(flash.BlockNetwork(made, {"width_multiplier": choice, "width_1": 1}))
        for choice in range(3)
    }
    # 32 x 0.5, 80 x 0.5; 38.4 is 40, and 96
    assert found == {0: [16] * 3 + [40, 13], 1: [32] * 3 + [80, 13], 2: [40] * 3 + [96, 13]}


def test_without_a_head_the_last_stage_keeps_its_width() -> None:
    made = space(flash.Stage(rows, 32), flash.Stage(rows, 20), head=None)
    assert channels(made.decode(0)) == [16, 20]


def test_skip_and_stages_that_follow() -> None:
    made = space(
        flash.Stage({"c": rows}, [16, 24], name="a"),
        flash.Stage({"c": rows, "skip": None}, name="b"),
    )
    net = flash.BlockNetwork(made, {"width_multiplier": 2, "width_a": 1, "block_b": 0})
    assert channels(net) == [32, 32, 10]  # 24 x 1.2 is 28.8
    assert channels(flash.BlockNetwork(made, {**net.choices, "block_b": 2})) == [32, 10]


def test_skip_is_no_choice_where_a_multiplier_changes_the_width() -> None:
    def options(**more) -> list[str]:
        made = space(flash.Stage({"c": rows, "skip": None}, 3, name="a"), **more)
        return [one for one in made.variables if one == "block_a" and len(made.choices_of(one)) > 2]

    assert options(width_multipliers=1) == ["block_a"]
    assert options() == []  # 3 x 0.5 is 8 channels


def test_every_network_is_numbered_once_and_costs_what_its_layers_do() -> None:
    made = space(
        flash.Stage({"c": rows, "skip": None}, [16, 24], [1, 2], 2, name="a"),
        flash.Stage({"c": rows}, [32], [1, 2], name="b", cell="block"),
        width_multipliers=(0.5, 1.5),
    )
    target = flash.Target.load("cpu-x86")
    nets = [made.decode(i) for i in range(made.size)]
    assert len({net.row for net in nets}) == made.size
    assert [made.index(net.row) for net in nets] == list(range(made.size))
    found = flash.evaluate(made, target, [net.row for net in nets])
    assert found["params"].tolist() == [net.params for net in nets]
    assert found["macs"].tolist() == [net.macs for net in nets]
    assert found["latency_ms"].tolist() == [target.cost(net.network()).latency_ms for net in nets]


def test_the_answer_is_that_of_complete_enumeration() -> None:
    made = space(
        flash.Stage({"c": rows}, [16, 24], [1, 2], 2, name="a"),
        flash.Stage({"c": rows}, 32, [1, 2], 2, name="b"),
    )
    found = flash.evaluate(made, "cpu-x86", [made.decode(i).row for i in range(made.size)])
    for share in (0.2, 0.5, 0.8):
        budgets = {
            "max_latency_ms": sorted(found["latency_ms"])[int(share * made.size)],
            "max_params": sorted(found["params"])[int(0.6 * made.size)],
        }
        fits = (found["latency_ms"] <= budgets["max_latency_ms"]) & (
            found["params"] <= budgets["max_params"]
        )
        answer = flash.search(made, "cpu-x86", **budgets)
        assert answer.proven
        assert answer.nn_degree == max(found["nn_degree"][fits])


def test_files_have_them() -> None:
    from flash.spaces.known.mbconv import block_option, head_option

    made = flash.BlockSpace(
        [flash.Stage({"mb": block_option()}, 16)],
        *((3, 16, 16), None, head_option()),
        width_multipliers=flash.Range(1, 2),
    )
    data = made.to_dict()
    assert data["width_multipliers"] == {"low": 1, "high": 2}
    assert flash.BlockSpace.from_dict(data) == made
    assert "width_multipliers" not in space(flash.Stage(rows, 16), width_multipliers=1).to_dict()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (0, "width_multipliers must be a finite number above 0, at most 64, got 0"),
        ((1, 1.0), "width_multipliers must hold each choice once"),
        ("1", "width_multipliers must be a number, a list of numbers or a Range, got '1'"),
        (
            (1, 0.25),
            "width_multipliers must leave the widths of stage 0 different, got 8, 8 of 24, 32",
        ),
    ],
)
def test_bad_input(given, told: str) -> None:
    with pytest.raises(flash.FlashError, match=told.replace("(", r"\(")):
        space(flash.Stage(rows, [24, 32]), width_multipliers=given)


def test_a_multiplier_is_compiled_of_its_own_widths() -> None:
    made = space(flash.Stage(rows, 64), width_multipliers=(0.5, 1))
    problem = compile_blocks(made, flash.Target.load("cpu-x86"))
    params = [problem.facts(variant, (0, 0))["params"] for variant in (0, 1)]
    assert params == [3 * 32 + 64 + 330, 3 * 64 + 128 + 650]
