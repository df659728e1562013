"""flash.quantised, and the rounding that it shares with what is measured."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch.nn.utils import parametrize  # noqa: E402

import flash  # noqa: E402
from flash.base.record import Record  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError  # noqa: E402
from flash.precision.rounding import SCALES, on_grid, scale_of  # noqa: E402

pytestmark = pytest.mark.torch


def net() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5)
    )


X = torch.randn(12, 3, 6, 6, generator=torch.Generator().manual_seed(1))
Y = torch.arange(12) % 5


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("axis", [0, 1])
def test_weights_lie_on_the_grid_of_their_channel(bits: int, axis: int) -> None:
    weight = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(bits))
    scale = scale_of(weight, bits, axis)
    assert scale.numel() == weight.shape[axis]
    assert scale.shape[axis] == weight.shape[axis]
    rounded = on_grid(weight, scale, bits)
    steps = (rounded / scale).double()
    assert float((steps - steps.round()).abs().max()) < 1e-2
    levels = steps.round().unique()
    if bits == 1:
        assert levels.tolist() == [-1.0, 1.0]
    else:
        assert float(levels.min()) >= -(2 ** (bits - 1))
        assert float(levels.max()) <= 2 ** (bits - 1) - 1


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_the_scale_is_the_best_of_its_kind(bits: int) -> None:
    weight = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    scale = scale_of(weight, bits, 0)
    own = ((on_grid(weight, scale, bits) - weight) ** 2).sum(1)
    top = weight.abs().amax(1, keepdim=True) / max(1, 2 ** (bits - 1) - 1)
    for share in SCALES:
        other = ((on_grid(weight, top * share, bits) - weight) ** 2).sum(1)
        assert bool((own <= other * (1 + 1e-6)).all())
    if bits <= 4:
        assert float(own.sum()) < float(((on_grid(weight, top, bits) - weight) ** 2).sum())


def test_more_bits_are_nearer() -> None:
    weight = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    errors = [
        float(((on_grid(weight, scale_of(weight, b, 0), b) - weight) ** 2).sum())
        for b in range(1, 13)
    ]
    assert errors == sorted(errors, reverse=True)
    zeros = torch.zeros(3, 4)
    for bits in (1, 2, 8):
        found = on_grid(zeros, scale_of(zeros, bits, 0), bits)
        assert float(found.abs().max()) < 1e-10


def test_a_copy_with_the_bits_that_were_chosen() -> None:
    module = net()
    before = copy.deepcopy(module.state_dict())
    twin = flash.quantised(module, {"0": 3, "4": 2})
    for layer, bits in ((0, 3), (4, 2)):
        weight = module[layer].weight.detach()
        wanted = on_grid(weight, scale_of(weight, bits, 0), bits)
        assert torch.equal(twin[layer].weight, wanted)
        assert f"bits={bits}" in repr(twin[layer])
    assert torch.equal(twin[1].weight, module[1].weight)
    assert all(torch.equal(module.state_dict()[name], one) for name, one in before.items())
    assert not parametrize.is_parametrized(module[0])
    assert not {one.data_ptr() for one in module.parameters()} & {
        one.data_ptr() for one in twin.parameters()
    }
    plain = flash.quantised(module, {"0": 3, "4": 2}, trainable=False)
    assert [type(one) for one in plain.modules()] == [type(one) for one in module.modules()]
    for mode in (True, False):
        a, b = copy.deepcopy(twin).train(mode), copy.deepcopy(plain).train(mode)
        assert torch.equal(a(X), b(X))
    assert flash.quantised(module.eval(), {"0": 3}).training is False


def test_others_keep_their_weights() -> None:
    module = net()
    twin = flash.quantised(module, {"4": 2})
    assert torch.equal(twin[0].weight, module[0].weight)
    assert not parametrize.is_parametrized(twin[0])


def test_it_is_copied_and_saved() -> None:
    twin = flash.quantised(net(), {"0": 4, "4": 4}).eval()
    again = copy.deepcopy(twin)
    assert torch.equal(again(X), twin(X))
    other = flash.quantised(net(), {"0": 2, "4": 4}).eval()
    other.load_state_dict(twin.state_dict())
    assert "0.parametrizations.weight.0.scale" in twin.state_dict()
    with torch.no_grad():
        again[0].parametrizations.weight.original.zero_()
    assert not torch.equal(again(X), twin(X))


def test_gradients_pass_straight_through() -> None:
    torch.manual_seed(0)
    module = nn.Linear(30, 2)
    twin = flash.quantised(module, {"Linear": 2})
    x = torch.randn(7, 30)
    twin(x).sum().backward()
    gradient = twin.parametrizations.weight.original.grad
    straight = x.sum(0).expand(2, -1)
    weight, scale = module.weight.detach(), scale_of(module.weight, 2, 0)
    inside = (weight >= -2.5 * scale) & (weight <= 1.5 * scale)
    assert 0 < int((~inside).sum()) < 30
    assert torch.allclose(gradient, torch.where(inside, straight, 0.0), atol=1e-5)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_training_makes_it_better(bits: int) -> None:
    twin = flash.quantised(net(), {"0": bits, "4": bits})
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(40):
        loss = cross_entropy(twin(X), Y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    scale = twin[4].parametrizations.weight[0].scale
    assert torch.equal(
        twin[4].weight, on_grid(twin[4].parametrizations.weight.original, scale, bits)
    )
    trained = twin.eval()(X)
    for layer in (twin[0], twin[4]):
        parametrize.remove_parametrizations(layer, "weight")
    assert torch.equal(twin(X), trained)
    assert type(twin[4]) is nn.Linear


def test_half_precision_stays() -> None:
    twin = flash.quantised(nn.Linear(8, 3).to(torch.bfloat16), {"Linear": 4})
    assert twin.weight.dtype is torch.bfloat16
    assert twin(torch.ones(2, 8, dtype=torch.bfloat16)).dtype is torch.bfloat16


def test_an_answer_and_text() -> None:
    class Answer(Record):
        choices: Any
        status: str

    module = net()
    wanted = flash.quantised(module, {"0": 3, "4": 2})
    for choices in (Answer({"0": "3", "4": 2}, "OPTIMAL"), {"0": "3", "4": "2"}):
        found = flash.quantised(module, choices)
        assert torch.equal(found[0].weight, wanted[0].weight)
        assert torch.equal(found[4].weight, wanted[4].weight)
    with pytest.raises(ArgumentError, match="got an answer that is INFEASIBLE"):
        flash.quantised(module, Answer(None, "INFEASIBLE"))


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({}, "choices must name a layer, got none"),
        ({"5": 2}, "choices: no layer '5' to quantise"),
        ({"1": 2}, "choices: no layer '1' to quantise"),
        ({0: 2}, "choices: no layer 0 to quantise"),
        ({"0": 0}, r"choices\['0'\] must be an integer .*got 0"),
        ({"0": 17}, r"choices\['0'\] must be an integer .*got 17"),
        ({"0": "x"}, r"choices\['0'\] must be an integer"),
        ({"0": 2.5}, r"choices\['0'\] must be an integer"),
        (None, "choices must be an answer of flash.choose, or a table"),
        ([("0", 2)], "choices must be an answer of flash.choose, or a table"),
        (4, "choices must be an answer of flash.choose, or a table"),
    ],
)
def test_bad_choices(choices: Any, told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        flash.quantised(net(), choices)


def test_what_is_quantised_already() -> None:
    twin = flash.quantised(net(), {"0": 2})
    with pytest.raises(
        ArgumentError, match="no layer '0' to quantise: its weight is made by a param"
    ):
        flash.quantised(twin, {"0": 3})
    both = flash.quantised(twin, {"4": 3})
    assert parametrize.is_parametrized(both[0])
    assert parametrize.is_parametrized(both[4])
    with pytest.raises(ArgumentTypeError, match=r"module must be a torch\.nn\.Module, got None"):
        flash.quantised(None, {"0": 2})  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match="trainable must be True or False"):
        flash.quantised(net(), {"0": 2}, trainable=1)  # type: ignore[arg-type]
