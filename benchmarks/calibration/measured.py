"""The measured networks as `flash.Network`: their tables list the convolutions only.

Which norms, additions and concatenations lie between them follows from each family's construction.
"""

from __future__ import annotations

import json
from typing import Any

from flash.networks.network import Network

Row = dict[str, Any]
FAMILIES = {"wrn": "wide-resnet", "mobilenetv2": "mobilenet-v2"}  # the data's names: ours


class _Table:
    """Rows of a network, and the convolutions that are still to come."""

    def __init__(self, layers: list[Row]) -> None:
        self.rows: list[Row] = []
        self.left = list(layers)

    def add(self, kind: str, inputs: list[int], **fields: Any) -> int:
        self.rows.append({"kind": kind, "inputs": inputs, **fields})
        return len(self.rows) - 1

    def conv(self, source: int, norm: str | bool) -> int:
        """Take the next convolution; -1 is the image."""
        given = self.left.pop(0)
        fields = {"kernel": given["k"], "stride": given["s"], "padding": given["p"]}
        return self.add(
            "conv",
            [source],
            out_channels=given["Cout"],
            groups=given.get("groups", 1),
            norm=norm,
            **fields,
        )

    def network(self, source: int, norm: str | bool) -> Network:
        """Close with the pool (and the norm before it) and the linear layer."""
        source = self.add("pool", [source], mode="global_avg", norm=norm)
        self.add("linear", [source], out_channels=self.left.pop(0)["Cout"], bias=True)
        if self.left:
            raise ValueError(f"{len(self.left)} layers are left over")
        return Network.from_layers(self.rows, (3, 32, 32))


def network(record: dict[str, str]) -> Network:
    """Return one measured network from its row of the table.

    Raises
    ------
    ValueError
        If its layers do not fit its family, or its MACs are not those of the table.
    """
    table, spec = _Table(json.loads(record["layers"])), json.loads(record["spec"])
    make = {"densenet": _dense, "mobilenetv2": _chain, "resnet": _residual, "wrn": _residual}
    result = make[record["family"]](table, spec)
    if result.macs != int(record["macs"]):
        raise ValueError(f"{record['name']} has {result.macs} MACs, the table {record['macs']}")
    return result


def _chain(table: _Table, spec: Row) -> Network:
    """Inverted residuals: the additions are free and no norm follows them."""
    at = -1
    while len(table.left) > 1:
        at = table.conv(at, "output")
    return table.network(at, norm=False)


def _residual(table: _Table, spec: Row) -> Network:
    """Blocks of two convolutions, perhaps with a residual, perhaps through a 1x1 convolution."""
    pre = spec["family"] == "wrn"
    norm = "input" if pre else "output"
    at = table.conv(-1, norm=False if pre else "output")
    for skip in spec["skips"]:
        given, last = table.left[0], table.left[1]
        end = table.conv(table.conv(at, norm), norm)
        if skip:
            if given["s"] != 1 or given["Cin"] != last["Cout"]:
                at = table.conv(at, norm=False if pre else "output")
            end = table.add("add", [end, at])
        at = end
    return table.network(at, norm="input" if pre else False)


def _dense(table: _Table, spec: Row) -> Network:
    """A DenseNet with growth: concat, norm, [1x1, norm,] 3x3; transitions of a 1x1 and a pool.

    A layer reads the latest ``spec["m"]`` outputs of its block, that of the stem included.
    """
    made = [table.conv(-1, norm=False)]
    while len(table.left) > 1:
        given, following = table.left[0], table.left[1]
        at = table.add("concat", made[: -spec["m"] - 1 : -1]) if len(made) > 1 else made[0]
        at = table.conv(at, "input")
        if spec["bc"] and (following["k"], following["Cout"]) == (3, spec["growth"]):
            at = table.conv(at, "input")
        elif given["k"] == 1:
            made = [table.add("pool", [at], kernel=2, stride=2)]
            continue
        made.append(at)
    at = table.add("concat", made[: -spec["m"] - 1 : -1]) if len(made) > 1 else made[0]
    return table.network(at, norm="input")
