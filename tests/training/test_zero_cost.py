"""flash.zero_cost_scores: each score beside its definition, and what stays as it was."""

from __future__ import annotations

import copy
import itertools
import math
import re
import warnings
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from torch import nn  # noqa: E402
from twins.places import ROOT  # noqa: E402

import flash  # noqa: E402
from flash.base.seeds import stream  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402
from flash.training import zero_cost  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twins.processes import Run

pytestmark = pytest.mark.torch

SPACE = flash.DenseNet(width_multipliers=[1], depths=[3, 5], skips=[0, 16], cells=2, resolution=8)
SHAPE = (3, 8, 8)
PAGE = ROOT / "docs" / "howto" / "zero-cost.md"
NAMES = ("synflow", "nwot", "grad_norm", "zen")


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == threads


def of(module: Any, *scores: str, **more: Any) -> Any:
    """Return one module's scores: a number where one is asked for."""
    more = {"input_shape": SHAPE, "batch_size": 6, **more}
    found = flash.zero_cost_scores(module, scores=scores, **more)
    assert list(found) == [*scores, "params", "macs"]
    assert all(one.dtype == np.float64 and one.shape == (1,) for one in found.values())
    return float(found[scores[0]][0]) if len(scores) == 1 else found


def noise(count: int = 6, seed: int = 0, key: int = zero_cost.ROWS) -> Any:
    generator = torch.Generator().manual_seed(stream(seed, key) >> 1)
    return torch.randn((count, *SHAPE), generator=generator)


def small(activation: Any = nn.ReLU) -> Any:
    """A stem, a residual link, batch norms, global pooling."""
    torch.manual_seed(3)

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.norm = nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5)
            self.conv, self.more = nn.Conv2d(5, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5)
            self.act, self.head = activation(), nn.Linear(5, 4)

        def forward(self, x: Any) -> Any:
            x = self.act(self.norm(self.stem(x)))
            x = x + self.act(self.more(self.conv(x)))
            return self.head(x.mean((2, 3)))

    return Small()


# synflow


def test_synflow_of_a_chain_has_a_closed_form() -> None:
    torch.manual_seed(0)
    widths = (3 * 64, 7, 5, 2)
    parts: list[nn.Module] = [nn.Flatten()]
    for read, given in itertools.pairwise(widths):
        parts += [nn.Linear(read, given), nn.BatchNorm1d(given), nn.ReLU6()]
    module = nn.Sequential(*parts)
    paths = np.ones(widths[0])
    for one in module:
        if isinstance(one, nn.Linear):
            paths = np.abs(one.weight.detach().double().numpy()) @ paths
    # every path goes through one weight of each layer: each layer's sum is R itself
    assert of(module, "synflow") == pytest.approx(math.log(3 * paths.sum()), rel=1e-12)


def test_synflow_is_the_sum_over_paths_of_their_lengths() -> None:
    module = small()
    state = {name: one.detach().double().abs() for name, one in module.state_dict().items()}
    weights = [state[name] for name in ("stem.weight", "conv.weight", "head.weight")]
    for one in weights:
        one.requires_grad_(True)
    stem = nn.functional.conv2d(torch.ones(1, *SHAPE, dtype=torch.float64), weights[0], padding=1)
    link = stem + nn.functional.conv2d(stem, weights[1], padding=1)
    reached = nn.functional.linear(link.mean((2, 3)), weights[2]).sum()
    reached.backward()
    expected = sum(float((one * one.grad).sum().detach()) for one in weights)
    assert of(module, "synflow") == pytest.approx(math.log(expected), rel=1e-12)


@pytest.mark.parametrize("activation", [nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Tanh, nn.PReLU])
def test_synflow_takes_activations_for_the_identity(activation: Any) -> None:
    assert of(small(activation), "synflow") == of(small(), "synflow")


def test_synflow_of_a_deep_network_does_not_overflow() -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 1)]
    layers += [nn.Linear(64, 64) for _ in range(8)]

    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(layers)

        def forward(self, x: Any) -> Any:
            x = self.layers[0](x).mean((2, 3))
            for one in self.layers[1:]:
                x = one(x)
            return x

    module = Deep().double()
    for one in layers:
        nn.init.constant_(one.weight, 1e48)
    expected = 9 * (48 * math.log(10) + math.log(64)) + math.log(3 * 9)
    assert of(module, "synflow") == pytest.approx(expected, rel=1e-9)


def test_a_network_that_hands_nothing_on_has_no_flow() -> None:
    module = small()
    nn.init.zeros_(module.head.weight)
    assert of(module, "synflow") == -math.inf


# nwot


def twin_of_codes(codes: list[Any]) -> float:
    count = len(codes[0])
    kernel = np.zeros((count, count))
    for code in codes:
        for one in range(count):
            for other in range(count):
                kernel[one, other] += sum(
                    int(a == b) for a, b in zip(code[one], code[other], strict=True)
                )
    return float(np.linalg.slogdet(kernel)[1])


def test_nwot_counts_equal_signs() -> None:
    module = copy.deepcopy(small()).train()
    with torch.no_grad():
        first = module.norm(module.stem(noise()))
        second = module.more(module.conv(first.relu()))
    codes = [(one > 0).flatten(1).tolist() for one in (first, second)]
    assert of(small(), "nwot") == pytest.approx(twin_of_codes(codes), rel=1e-9)


@pytest.mark.parametrize(
    "activation",
    [lambda: nn.ReLU(inplace=True), nn.ReLU6, nn.LeakyReLU, lambda: torch.relu, lambda: torch.relu_,
     lambda: lambda x: x.relu()],
)  # fmt: skip
def test_nwot_sees_every_form_of_relu(activation: Any) -> None:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv2d(3, 4, 3), activation()

        def forward(self, x: Any) -> Any:
            return self.act(self.conv(x)).mean((2, 3))

    torch.manual_seed(1)
    module = First()
    with torch.no_grad():
        codes = [(module.conv(noise()) > 0).flatten(1).tolist()]
    assert of(module, "nwot") == pytest.approx(twin_of_codes(codes), rel=1e-9)


def test_nwot_of_images_that_nothing_tells_apart() -> None:
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    nn.init.zeros_(module[0].weight)
    assert of(module, "nwot") == -math.inf


# grad_norm


def test_grad_norm_is_that_of_backward() -> None:
    module = small().train()
    generator = torch.Generator().manual_seed(stream(0, zero_cost.LABELS) >> 1)
    labels = torch.randint(4, (6,), generator=generator)
    nn.functional.cross_entropy(module(noise()), labels).backward()
    expected = sum(
        math.sqrt(float((one.grad.double() ** 2).sum()))
        for one in (module.stem.weight, module.conv.weight, module.head.weight)
    )
    assert of(small(), "grad_norm") == pytest.approx(expected, rel=1e-6)


def test_grad_norm_on_images_of_one_s_own() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 256, (40, 8, 8, 3), np.uint8), np.arange(40) % 4
    module = small().train()
    found = of(small(), "grad_norm", dataset=(x, y), batch_size=64)  # 32 to train on: all of them
    from flash.training.data import read

    data: Any = read((x, y), None, 0.2, 0)
    assert len(data.train_y) == 32
    pixels = torch.from_numpy(data.train_x).double()
    mean, deviation = (one(pixels) for one in (lambda p: p.mean((0, 2, 3), keepdim=True),
                       lambda p: p.std((0, 2, 3), keepdim=True, unbiased=False)))  # fmt: skip
    labels = torch.from_numpy(data.train_y)
    nn.functional.cross_entropy(module(((pixels - mean) / deviation).float()), labels).backward()
    expected = sum(float(one.grad.norm()) for one in module.parameters() if one.dim() > 1)
    assert found == pytest.approx(expected, rel=1e-4)


# zen


def normed(maps: Any) -> Any:
    axes = (0, 2, 3)
    variance = maps.var(axes, unbiased=False, keepdim=True)
    return (maps - maps.mean(axes, keepdim=True)) / (variance + 1e-5).sqrt()


def test_zen_is_its_definition() -> None:
    module = small().train()
    generator = torch.Generator().manual_seed(stream(0, zero_cost.NOISE) >> 1)
    with torch.no_grad():
        for one in (module.stem, module.conv, module.head):
            one.weight.normal_(generator=generator)
            if one.bias is not None:
                one.bias.zero_()
        x = torch.randn((6, *SHAPE), generator=generator)
        moved = x + 0.01 * torch.randn((6, *SHAPE), generator=generator)
        maps, scaling = [], []
        for one in (x, moved):
            a = module.stem(one)
            b = normed(a).relu()
            c = module.conv(b)
            d = normed(c).relu()
            maps.append(b + d)
            scaling.append([float(m.var((0, 2, 3), unbiased=False).mean().sqrt()) for m in (a, c)])
    distance = float((maps[0] - maps[1]).flatten(1).norm(dim=1).mean())
    expected = math.log(distance) + sum(math.log(one) for one in scaling[0])
    assert of(small(), "zen") == pytest.approx(expected, rel=1e-5)


def test_zen_does_not_look_at_the_module_s_weights() -> None:
    module = small()
    with torch.no_grad():
        for one in module.parameters():
            one.mul_(3.0).add_(0.1)
    assert of(module, "zen") == of(small(), "zen")


# What is not defined


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.near = nn.MultiheadAttention(3, 1, batch_first=True)
        self.head = nn.Linear(3, 4)

    def forward(self, x: Any) -> Any:
        x = x.flatten(2).transpose(1, 2)
        return self.head(self.near(x, x, x)[0].mean(1))


def plain() -> nn.Module:
    """No batch norm, no ReLU."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_scores_that_mean_nothing_are_nan() -> None:
    maps = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())  # gives no classes
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = flash.zero_cost_scores(
            [small(), Attention(), plain(), maps], input_shape=SHAPE, batch_size=4
        )
    told = {name: np.isnan(found[name]).tolist() for name in NAMES}
    assert told == {
        "synflow": [False, True, False, False],
        "nwot": [False, True, True, False],
        "grad_norm": [False, False, False, True],
        "zen": [False, True, True, True],
    }


def test_where_nothing_comes_out_is_an_error() -> None:
    with pytest.raises(ArgumentError, match=r"networks\[0\] has no zen: zen is of networks with b"):
        of(plain(), "zen")


class Broken(nn.Module):
    def forward(self, x: Any) -> Any:
        raise RuntimeError("not today")


def test_a_module_that_fails_does_not_end_the_others() -> None:
    with pytest.warns(UserWarning, match=r"networks\[1\] has no nwot: RuntimeError: not today"):
        found = flash.zero_cost_scores(
            [small(), Broken(), small()], scores="nwot", input_shape=SHAPE, batch_size=4
        )
    assert np.isnan(found["nwot"]).tolist() == [False, True, False]
    assert np.isnan(found["macs"]).tolist() == [False, True, False]
    assert found["nwot"][0] == found["nwot"][2]
    with pytest.raises(ArgumentError, match="not today"):
        of(Broken(), "nwot")


def test_labels_beyond_the_outputs() -> None:
    pair = (np.zeros((20, 8, 8), np.uint8), np.arange(20) % 5)
    with pytest.raises(ArgumentError, match="it tells 4 classes apart"):
        of(small(), "grad_norm", dataset=pair)


# One seed, one answer


def test_neither_threads_nor_order_nor_company_count() -> None:
    nets = SPACE.sample(3)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        found = flash.zero_cost_scores(nets, batch_size=4)
        torch.set_num_threads(2)
        turned = flash.zero_cost_scores(nets[::-1], batch_size=4)
        assert torch.get_num_threads() == 2
        alone = [flash.zero_cost_scores(one, batch_size=4) for one in nets]
    finally:
        torch.set_num_threads(threads)
    for name, column in found.items():
        assert np.isfinite(column).all()
        assert column.tolist() == turned[name][::-1].tolist()
        assert column.tolist() == [float(one[name][0]) for one in alone]
    assert found["params"].tolist() == [one.params for one in nets]
    assert found["macs"].tolist() == [one.macs for one in nets]


def test_seeds_and_repeats() -> None:
    net = SPACE.sample(1)[0]
    first, second, both = (
        flash.zero_cost_scores(net, batch_size=4, seed=seed, repeats=repeats)
        for seed, repeats in ((5, 1), (6, 1), (5, 2))
    )
    for name in NAMES:
        assert first[name] != second[name]
        assert both[name] == (first[name] + second[name]) / 2
    assert both["params"] == first["params"]


def test_the_caller_s_state_stays() -> None:
    module = small().train()
    module.norm.eval()
    module.stem.weight.requires_grad_(False)
    module.conv.weight.grad = torch.ones_like(module.conv.weight)
    before = copy.deepcopy(module.state_dict())
    torch.manual_seed(11)
    state = torch.get_rng_state()
    with torch.no_grad(), torch.autocast("cpu"):
        found = of(module, *NAMES)
    assert np.isfinite([found[name][0] for name in NAMES]).all()
    assert torch.equal(torch.get_rng_state(), state)
    assert (module.training, module.norm.training) == (True, False)
    assert not module.stem.weight.requires_grad
    assert bool((module.conv.weight.grad == 1.0).all())
    assert module.head.weight.grad is None
    for name, one in module.state_dict().items():
        assert torch.equal(one, before[name]), name
    assert of(small(), *NAMES) == found


def test_modules_of_other_modes_and_types_have_the_same_scores() -> None:
    found = of(small(), *NAMES)
    assert of(small().eval(), *NAMES) == found
    assert of(small().double(), *NAMES) == found
    assert found["params"] == sum(one.numel() for one in small().parameters())
    assert found["macs"] == (3 * 9 * 5 + 5 * 9 * 5) * 64 + 5 * 4


def test_every_kind_of_network() -> None:
    from flash.spaces.network_space import network_space

    cells = network_space("nas-bench-201")
    layers: Any = cells.decode("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|")
    blocks = flash.MobileNetV3().sample(1)
    pnas = flash.CellNetwork([(0, 1, "sep3x3", "max3x3")], repeats=1, filters=4)
    found = flash.zero_cost_scores([SPACE.sample(1)[0], layers, *blocks, pnas], batch_size=2)
    assert all(np.isfinite(column).all() for column in found.values())


def test_images_of_files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PIL")
    from pathlib import Path

    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import own_data

    folder = own_data.folder(tmp_path / "photos")
    found = of(small(), "nwot", "grad_norm", dataset=folder, batch_size=4)
    assert np.isfinite([found["nwot"][0], found["grad_norm"][0]]).all()


# Arguments


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"networks": 5}, "networks must be a network that to_torch"),
        ({"networks": []}, "networks must hold a network, got none"),
        ({"networks": "resnet"}, "networks must be a network .*, got 'resnet'"),
        ({"networks": [5]}, r"networks\[0\] must be a network that to_torch\(\) .*, got 5 \(int\)"),
        ({"networks": flash.Architecture}, "networks must be a network"),
        ({"scores": "synflo"}, "scores must be one of .*; did you mean 'synflow'"),
        ({"scores": []}, "scores must name one of 'synflow', .*, got none"),
        ({"scores": 3}, "scores must be a list, got 3"),
        ({"batch_size": 1}, "batch_size must be an integer from 2 to 65536, got 1"),
        ({"repeats": 0}, "repeats must be an integer from 1"),
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"input_shape": (3, 8)}, r"input_shape must be \(channels, height, width\), got \(3, 8\)"),
        ({"input_shape": SHAPE}, "input_shape is for torch modules"),
        ({"dataset": "digit"}, "dataset must be 'digits'"),
        ({"networks": nn.Linear(2, 2)}, r"input_shape must be given as .*: networks\[0\]"),
        ({"dataset": (np.zeros((20, 8, 8, 2)), [0, 1] * 10)}, "dataset must fit the networks"),
        ({"dataset": (np.zeros((60, 8, 8)), [*range(12)] * 5)}, "num_classes of at least the 12"),
    ],
)
def test_arguments_that_are_refused(more: dict[str, Any], told: str) -> None:
    given = {"networks": SPACE.sample(1), "batch_size": 4, **more}
    with pytest.raises((ArgumentError, ArgumentTypeError, FormatError), match=told):
        flash.zero_cost_scores(**given)


def test_scripted_modules_are_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.jit.trace(small().eval(), noise())
    with pytest.raises(ArgumentTypeError, match="cannot be watched"):
        of(scripted, "nwot")


def test_in_place_modules_leave_the_batch_alone() -> None:
    class Doubling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rest = small()

        def forward(self, x: Any) -> Any:
            return self.rest(x.mul_(2.0))

    found = flash.zero_cost_scores(
        [Doubling(), small(), Doubling()], input_shape=SHAPE, batch_size=6
    )
    for name in NAMES:
        assert found[name][0] == found[name][2]
        assert found[name][1] == of(small(), name)


@pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository")
def test_the_page_s_code() -> None:
    known: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), known)
    assert list(known["found"]) == [*NAMES, "params", "macs"]
    assert all(np.isfinite(one).all() for one in known["found"].values())


# Without torch


def test_the_name_alone_loads_no_torch(python: Run) -> None:
    code = (
        "import flash, sys; flash.zero_cost_scores; "
        "print(*[m for m in ('torch', 'numpy') if m in sys.modules])"
    )
    assert python("-c", code).stdout.strip() == ""


def test_missing_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(flash.FlashError, match=r"flash.zero_cost_scores needs torch: pip install"):
        flash.zero_cost_scores(SPACE.sample(1))
