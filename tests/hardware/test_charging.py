"""Rows charged apart are the network's totals, bit for bit."""

import numpy as np
import pytest

import flash
from flash.base.names import Column
from flash.hardware.charging import COLUMNS, charges
from flash.hardware.costing import family_and_charged

ONE_TILE = [name for name in flash.targets() if flash.Target.load(name).tiles is None]
FAMILIES = ("densenet", "mobilenet-v2", "resnet", "wide-resnet")


def module():
    import torch
    from torch import nn

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.Hardswish())
            self.deep = nn.Conv2d(16, 16, 5, 1, 2, groups=16)
            self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 10)

        def forward(self, x):
            x = self.stem(x)
            x = x + torch.relu(self.deep(x))
            x = self.norm(x.flatten(2).transpose(1, 2))
            x = torch.softmax(x @ x.transpose(1, 2), -1) @ x
            return self.head(x.mean(1))

    return Attention().eval()


@pytest.fixture(scope="module")
def networks():
    found = []
    for family in FAMILIES:
        space = flash.SearchSpace(family)
        found += space.sample(2, seed=5)
    found.append(flash.Network.from_torch(module(), (3, 32, 32)))
    return found


@pytest.mark.torch
@pytest.mark.parametrize("name", ONE_TILE)
def test_rows_add_up_to_the_totals_and_to_the_cost(name, networks):
    target = flash.Target.load(name)
    charged = 0
    for net in networks:
        try:
            cost = target.cost(net)
        except flash.ArgumentError:  # an accelerator without the unit
            continue
        family, counted = family_and_charged(net, target)
        rows = charges(target, family, counted)
        assert rows.shape == (len(counted.layers), COLUMNS)
        totals = rows.sum(axis=0)
        totals[Column.PEAK] = rows[:, Column.PEAK].max()
        model = target.model(family)
        assert tuple(totals[: Column.PARAMS]) == model.total(counted.packed)
        found = target.costs_among(model.metrics(tuple(totals)))
        assert found == {metric: getattr(cost, metric) for metric in target.metrics}
        charged += 1
        assert totals[Column.PARAMS] == net.params
        assert totals[Column.MACS] == net.macs
    assert charged >= 2


def test_rows_that_do_not_count_are_free():
    layers = [
        {"kind": "conv", "in_channels": 3, "out_channels": 8, "height": 8, "width": 8, "kernel": 3},
        {"kind": "conv", "in_channels": 8, "out_channels": 8, "kernel": 3},  # nobody reads it
        {"kind": "pool", "mode": "global_avg", "inputs": [0]},
        {"kind": "linear", "out_channels": 4},
    ]
    net = flash.Network.from_layers(layers, (3, 8, 8), outputs=[3])
    target = flash.Target.load("cpu-x86")
    rows = charges(target, *family_and_charged(net, target))
    assert not rows[1].any()
    assert rows[0].any()
    assert np.array_equal(rows, np.rint(rows))
