"""The optimizer on processors: bit for bit torch's, in steps, in what it keeps, going on."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from flash.training import Recipe  # noqa: E402
from flash.training.loop import optimizer_for  # noqa: E402
from flash.training.momentum import Momentum  # noqa: E402

pytestmark = pytest.mark.torch


def groups_of(module: Any, decay: float) -> list[dict[str, Any]]:
    parameters = list(module.parameters())
    return [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": decay},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
    ]


def network() -> Any:
    torch.manual_seed(3)
    return torch.nn.ModuleList(
        [torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Linear(5, 4)]
    )


def theirs(module: Any, momentum: float, decay: float) -> Any:
    return torch.optim.SGD(
        groups_of(module, decay), lr=0.1, momentum=momentum, nesterov=momentum > 0
    )


def train(module: Any, optimizer: Any, steps: range) -> None:
    """Gradients of every size; some parameters have none in some steps, as parts of a supernet."""
    for step in steps:
        optimizer.zero_grad(set_to_none=True)
        draw = torch.Generator().manual_seed(step)
        for number, one in enumerate(module.parameters()):
            if (number + step) % 3:
                one.grad = torch.randn(one.shape, generator=draw) * 10.0 ** (step % 5 - 2)
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (1 + step)
        optimizer.step()


def assert_same(one: Any, other: Any) -> None:
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("decay", [0.0, 5e-4])
def test_steps_are_torch_s(momentum: float, decay: float) -> None:
    mine, other = network(), network()
    own = Momentum(groups_of(mine, decay), 0.1, momentum)
    sgd = theirs(other, momentum, decay)
    train(mine, own, range(12))
    train(other, sgd, range(12))
    assert_same(mine, other)
    found, wanted = own.state_dict(), sgd.state_dict()
    assert [sorted(one.items()) for one in found["param_groups"]] == [
        sorted((k, v) for k, v in one.items() if k in found["param_groups"][0])
        for one in wanted["param_groups"]
    ]
    assert found["state"].keys() == {k for k, one in wanted["state"].items() if one}
    for k, one in found["state"].items():
        assert torch.equal(one["momentum_buffer"], wanted["state"][k]["momentum_buffer"])


@pytest.mark.parametrize("first", ["own", "torch"])
@pytest.mark.parametrize("second", ["own", "torch"])
def test_either_goes_on_from_the_other(first: str, second: str) -> None:
    def made(kind: str, module: Any) -> Any:
        if kind == "own":
            return Momentum(groups_of(module, 1e-3), 0.1, 0.9)
        return theirs(module, 0.9, 1e-3)

    whole = network()
    train(whole, made("torch", whole), range(10))
    parted = network()
    begun = made(first, parted)
    train(parted, begun, range(6))
    going = made(second, parted)
    going.load_state_dict(begun.state_dict())
    train(parted, going, range(6, 10))
    assert_same(parted, whole)


def test_a_state_of_others_is_refused() -> None:
    own = Momentum(groups_of(network(), 0.0), 0.1, 0.9)
    with pytest.raises(ValueError, match="other groups"):
        own.load_state_dict(theirs(torch.nn.Linear(2, 2), 0.9, 0.0).state_dict())


def test_what_a_state_holds_is_copied() -> None:
    module = network()
    own = Momentum(groups_of(module, 0.0), 0.1, 0.9)
    train(module, own, range(4))
    twin = Momentum(groups_of(module, 0.0), 0.1, 0.9)
    twin.load_state_dict(own.state_dict())
    before = [one["momentum_buffer"].clone() for one in own.state_dict()["state"].values()]
    train(module, twin, range(4, 6))
    after = [one["momentum_buffer"] for one in own.state_dict()["state"].values()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_networks_on_a_processor_have_it() -> None:
    assert isinstance(optimizer_for(network(), Recipe()), Momentum)


@pytest.mark.processes
def test_a_training_does_not_import_torch_s_compiler(python: Any) -> None:
    code = """
import sys
import numpy as np, torch
from flash.training.loop import fit
from flash.training import Recipe
draw = np.random.default_rng(0)
data = {}
for part, count in (("train", 32), ("test", 16)):
    data[part + "_x"] = draw.normal(size=(count, 1, 4, 4)).astype(np.float32)
    data[part + "_y"] = np.arange(count) % 2
module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
fit(module, data, Recipe(epochs=2, batch_size=8), seed=0, checkpoint="state.pt", key="a")
print("torch._dynamo" in sys.modules)
"""
    assert python("-c", code).stdout.strip() == "False"
