"""Supernets of spaces of blocks: a cut subnet is the network that the space makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from torch import nn  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, FormatError  # noqa: E402
from flash.supernet import memory  # noqa: E402
from flash.supernet.running import train_supernet  # noqa: E402
from flash.supernet.scoring import Supernet, checkpoint_of  # noqa: E402
from flash.supernet.weights import weights_of  # noqa: E402
from flash.training import Recipe  # noqa: E402
from flash.training.loop import judge  # noqa: E402

pytestmark = pytest.mark.torch


def conv(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3)) -> nn.Module:
    """A module of one's own, with what changes in training: a norm and a dropout."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
        nn.Dropout(0.1),
    )


def rows(in_channels: int, out_channels: int, stride: int, *, shape: Any) -> list[dict[str, Any]]:
    """The same as layer rows, of which flash makes the module."""
    return [
        {
            "kind": "conv", "in_channels": in_channels, "out_channels": out_channels,
            "height": shape[1], "width": shape[2], "kernel": 3, "stride": stride, "padding": 1,
            "norm": "output", "activation": "relu", "inputs": (-1,),
        }
    ]  # fmt: skip


def head(in_channels: int, num_classes: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, num_classes))


def space_of(*options: Any, **more: Any) -> flash.BlockSpace:
    """Two stages, with widths, numbers of blocks and skips to choose."""
    some: Any = {one.__name__: one for one in options}
    return flash.BlockSpace(
        [
            flash.Stage({**some, "skip": None}, [8, 12], [1, 2], stride=2, name="early"),
            flash.Stage(some, 12, [1, 3], cell="block", name="late"),
        ],
        more.pop("input", (3, 8, 8)),
        stem=flash.Stage(conv, 8, name="stem"),
        head=head,
        num_classes=10,
        **more,
    )


# functions of one's own, one of flash, and a width multiplier for the whole network
SPACES: dict[str, Any] = {
    "own": space_of(conv),
    "multiplied": space_of(conv, width_multipliers=[1, 2]),
    "known": flash.MobileNetV3(
        "small", depths=1, kernels=(3, 5), expansions=(1, 3), resolution=16, num_classes=10
    ),
}


@pytest.mark.parametrize("name", SPACES)
def test_a_cut_subnet_is_the_network_of_the_space(name: str) -> None:
    space = SPACES[name]
    weights = weights_of(space, 3)
    module: Any = weights.module.eval()
    side = weights.input_shape[1]
    x = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    for i in [0, space.size - 1, *space.sample_indices(10, 1).tolist()]:
        net = space.decode(i)
        cut: Any = weights.cut(i)
        alone: Any = net.to_torch()
        assert [key for key, _ in cut.named_modules()] == [key for key, _ in alone.named_modules()]
        alone.load_state_dict(cut.state_dict())  # the same tensors by the same names
        with torch.no_grad():
            own = module(x, weights.subnet(net))
            assert torch.equal(own, cut(x))
            assert torch.equal(own, alone.eval()(x))
        assert cut.architecture == net
        assert sum(part.numel() for part in cut.parameters()) == net.params
        before = [part.clone() for part in module.parameters()]
        for part in cut.parameters():  # a copy: what is done to it leaves the supernet alone
            part.data.zero_()
        assert all(map(torch.equal, before, module.parameters()))


def test_each_place_has_a_module_for_each_option_at_each_shape() -> None:
    space = SPACES["own"]
    weights = weights_of(space)
    found: dict[str, list[tuple[str, int, int]]] = {}
    for key, one in weights._blocks.items():  # type: ignore[attr-defined]
        told = (one.variant.label, one.in_channels, one.out_channels)
        found.setdefault(key.partition(":")[0], []).append(told)
    kernels = ("conv kernel 1", "conv kernel 3")
    assert found["early_0"] == [(one, 8, width) for width in (8, 12) for one in kernels]
    assert found["early_1"] == [(one, width, width) for width in (8, 12) for one in kernels]
    assert found["late_0"] == [(one, width, 12) for width in (8, 12) for one in kernels]
    assert found["late_2"] == [(one, 12, 12) for one in kernels]
    module: Any = weights.module
    assert weights.parameters() == sum(part.numel() for part in module.parameters())
    drawn = [part[0].weight for key, part in module.blocks.items() if key.startswith("late_2")]
    assert len(drawn) == 2
    # no weight that no network uses, and none that the seed does not draw
    used = {key for i in range(space.size) for key in weights.subnet(i)}
    assert used == set(module.blocks)
    again: Any = weights_of(space).module
    other: Any = weights_of(space, 1).module
    assert all(map(torch.equal, module.state_dict().values(), again.state_dict().values()))
    assert not torch.equal(next(module.parameters()), next(other.parameters()))
    net = space.decode(space.size - 1)
    assert weights.subnet(net) == weights.subnet(net.row) == weights.subnet(space.size - 1)
    with pytest.raises(ArgumentError, match="network is of another space"):
        weights.subnet(SPACES["multiplied"].decode(0))


def test_rows_have_the_module_that_flash_makes_of_them() -> None:
    body = flash.Stage({"rows": flash.Option(rows, shape=True), "conv": conv}, 8, 2, name="body")
    space = flash.BlockSpace([body], (3, 8, 8), head=head, num_classes=10)
    weights = weights_of(space)
    weights.check()
    module: Any = weights.module.eval()
    x = torch.randn(2, 3, 8, 8)
    for i in range(space.size):
        cut: Any = weights.cut(i)
        with torch.no_grad():
            assert torch.equal(cut(x), module(x, weights.subnet(i)))
        assert sum(part.numel() for part in cut.parameters()) == space.decode(i).params


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Supernet]:
    folder = tmp_path_factory.mktemp("supernets")
    return {
        name: train_supernet(SPACES[name], "digits", epochs=epochs, out=folder / name)
        for name, epochs in (("own", 12), ("known", 6))
    }


@pytest.mark.parametrize("name", ["own", "known"])
def test_training_learns_and_scores_as_cut_networks(
    name: str, trained: dict[str, Supernet], tmp_path: Path
) -> None:
    supernet = trained[name]
    index = [0, 5, supernet.space.size - 1]
    scores = supernet.score(index)
    assert max(scores) > 0.15  # chance is 0.1, 0.15 three standard errors above
    before = {key: one.clone() for key, one in supernet.module.state_dict().items()}
    for i, score in zip(index, scores, strict=True):
        cut = supernet.recalibrate(supernet.cut(i))
        assert judge(cut, supernet.data["test_x"], supernet.data["test_y"], Recipe())[0] == score
    assert supernet.score(index[::-1]) == scores[::-1]  # none leaves a trace for the next
    module = supernet.module.train()  # in the middle of training, as methods that train jointly do
    assert supernet.score(index) == scores
    assert all(part.training for part in module.modules())
    module.eval()
    for key, tensor in supernet.module.state_dict().items():
        assert torch.equal(tensor, before[key]), key
    again = Supernet.load(supernet.folder, "digits", space=supernet.space)
    assert again.score(index) == scores


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    trained: dict[str, Supernet], tmp_path: Path
) -> None:
    class Enough(Exception):
        pass

    def stop(epoch: Any) -> None:
        if epoch.epoch == 9:
            raise Enough

    with pytest.raises(Enough):
        train_supernet(SPACES["own"], "digits", epochs=12, out=tmp_path, callback=stop)
    done = torch.load(checkpoint_of(str(tmp_path)), weights_only=True)
    assert done["epochs"] == 9
    seen: list[int] = []
    found = train_supernet(
        SPACES["own"], "digits", epochs=12, out=tmp_path,
        callback=lambda epoch: seen.append(epoch.epoch),
    )  # fmt: skip
    assert seen == [10, 11, 12]
    whole = trained["own"].module.state_dict()
    for key, tensor in found.module.state_dict().items():
        assert torch.equal(tensor, whole[key]), key


def test_pools_a_start_and_what_is_not_drawn(trained: dict[str, Supernet], tmp_path: Path) -> None:
    first = trained["own"]
    space = first.space
    fixed = space.decode(0).row
    found = train_supernet(
        space, "digits", epochs=1, out=tmp_path, start=first.folder,
        pools=[(list(range(len(fixed))), [fixed])],
    )  # fmt: skip
    used = set(found.weights.subnet(fixed))
    was = first.module.state_dict()
    for key, tensor in found.module.state_dict().items():
        block = key.split(".")[1]
        if block not in used:
            assert torch.equal(tensor, was[key]), key
    assert any(
        not torch.equal(tensor, was[key]) for key, tensor in found.module.state_dict().items()
    )


def test_a_file_holds_no_functions(trained: dict[str, Supernet], tmp_path: Path) -> None:
    known = trained["known"]
    assert Supernet.load(known.folder, "digits").space == known.space
    with pytest.raises(ArgumentError, match="space must be that of the supernet"):
        Supernet.load(known.folder, "digits", space=SPACES["own"])
    from flash.spaces.blocks import files

    own = trained["own"]
    live = dict(files._live)
    files._live.clear()  # as in another process
    try:
        with pytest.raises(FormatError, match="say space="):
            Supernet.load(own.folder, "digits")
    finally:
        files._live.update(live)
    assert Supernet.load(own.folder, "digits", space=own.space).score([1]) == own.score([1])


def test_every_method_searches_blocks_by_a_supernet(tmp_path: Path) -> None:
    space = SPACES["known"]
    judge_ = flash.SupernetEvaluator("digits", tmp_path / "one", epochs=1)
    limit = 0.95 * space.decode(space.size - 1).macs
    for method in ("spos", "hurricane", "fp-nas", "evolution"):
        found = flash.search(
            space, "cpu-x86", method=method, evaluator=judge_, max_macs=limit, max_evals=12
        )
        assert found.status in ("OPTIMAL", "FEASIBLE"), method
        assert found.macs <= limit
        if method != "hurricane":  # whose supernets are its own
            assert judge_.supernet is not None
            assert judge_.supernet.score([found.x]) == [found.accuracy]
    assert len(list(tmp_path.glob("one/part-*"))) >= 1
    held = flash.SupernetEvaluator(judge_.supernet)
    assert held.unfit(space) is None
    assert "another space" in str(held.unfit(SPACES["own"]))


# bad input


def tokens(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    return nn.Linear(in_channels, out_channels)


def moved(in_channels: int, out_channels: int, stride: int, *, shape: Any) -> list[dict[str, Any]]:
    """Rows of a kind of which flash makes a module that computes something else."""
    return [
        *rows(in_channels, out_channels, stride, shape=shape),
        {
            "kind": "move", "in_channels": out_channels, "out_channels": out_channels,
            "height": shape[1], "width": shape[2], "inputs": (0,), "mode": "permute",
        },
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("space", "more", "message"),
    [
        (space_of(conv, input=[(3, 8, 8), (3, 16, 16)]), {}, "must have one input .*, got 2"),
        (
            flash.BlockSpace([flash.Stage(tokens, 8)], (4, 8), num_classes=10),
            {},
            r"networks that read images.*got 'blocks' with input \(4, 8\)",
        ),
        (
            flash.BlockSpace([flash.Stage(conv, [8, 10])], (3, 8, 8)),
            {},
            "as many channels as there are classes .*, got 8, 10: give it a head",
        ),
        (flash.BlockSpace([flash.Stage(conv, 10)], (3, 8, 8)), {}, "hand on 10 x 8 x 8"),
        (
            flash.BlockSpace(
                [flash.Stage(flash.Option(moved, shape=True), 8)], (3, 8, 8), head=head,
                num_classes=10,
            ),
            {},
            r"0: moved, 3 > 8, 3x8x8 gives layer rows .* Option\(..., module=function\)",
        ),
        (SPACES["own"], {"sampling": "ordered-dropout"}, "sampling: .* closed modules"),
        (SPACES["own"], {"subnets": 4}, "subnets: .* closed modules"),
        (space_of(conv).replace(num_classes=4, head=head), {}, "at least the 10 classes"),
    ],
)  # fmt: skip
def test_spaces_that_are_refused_before_training(
    space: Any, more: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=message):
        train_supernet(space, "digits", out=tmp_path, **more)
    assert not list(tmp_path.iterdir())


def test_memory_too_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    space = SPACES["known"]
    weights = weights_of(space)
    monkeypatch.setattr(memory, "free_bytes", lambda place: 8 * weights.parameters() - 1)
    with pytest.raises(ArgumentError, match=r"space must have weights .* [0-9,]+ parameters"):
        train_supernet(space, "digits", out=tmp_path)
    monkeypatch.setattr(memory, "free_bytes", lambda place: 8 * weights.parameters() + (1 << 20))
    with pytest.raises(ArgumentError, match=r"batch_size must leave .* at most \d+ fit"):
        train_supernet(space, "digits", out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_stages_share_the_epochs_of_the_whole(tmp_path: Path) -> None:
    import json

    judge_ = flash.SupernetEvaluator("digits", tmp_path, epochs=4)
    found = flash.search(
        SPACES["known"], "cpu-x86", method="hurricane", evaluator=judge_, max_evals=12,
        options={"worth": 0.0},
    )  # fmt: skip
    assert found.success
    parts = [json.loads(path.read_text()) for path in tmp_path.glob("part-*/run.json")]
    assert len(parts) == 2
    assert sum(one["recipe"]["epochs"] for one in parts) == 4
    assert {one["start"] is None for one in parts} == {True, False}  # the second starts from it
    # the early layers of the first stage and the late ones of the second are fixed
    assert all(len(one["pools"][-1][1]) == 1 for one in parts)


def test_the_command_line_trains_a_supernet_of_a_spaces_file(tmp_path: Path, cli: Any) -> None:
    SPACES["known"].save(tmp_path / "small.toml")
    out = cli(
        "search", str(tmp_path / "small.toml"), "cpu-x86", "--method", "spos", "--max-evals", "6",
        "--supernet", "digits", "--epochs", "1", "--out", str(tmp_path / "run"),
    )  # fmt: skip
    assert "spos, 6 evaluations" in str(out)
