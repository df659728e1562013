"""What costing an imported network takes: the first time, again, with its layers and flags.

    python -m benchmarks.suites.bench_costing [--json FILE]

Networks of torchvision's shapes (tests/twins/torch_models.py) are read by `Network.from_torch`,
which lists their operations once; "operations" is that part of the import. Given are the least of
20 rounds, in microseconds, and per layer of the network.
"""

from __future__ import annotations

import argparse
import json
import sys
import timeit
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.common.files import TESTS

sys.path.insert(0, str(TESTS))
from twins import torch_models

from flash import Network, Target
from flash.networks.operations import Charged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODELS = ("resnet50", "densenet121", "mobilenet_v2")
TARGETS = ("rram", "cpu-x86", "gtx-1080ti", "systolic-32")
SHAPE = (3, 224, 224)


def least_us(function: Callable[[], Any], number: int = 50) -> float:
    """Return the least time of a call, in microseconds."""
    return min(timeit.repeat(function, number=number, repeat=20)) / number * 1e6


def lines() -> Iterator[dict[str, Any]]:
    """Yield a line for each network and target."""
    for name in MODELS:
        net = Network.from_torch(torch_models.imagenet(name), SHAPE)
        listing = least_us(lambda net=net: Charged(net), 5)
        for which in TARGETS:
            target = Target.load(which)
            target.cost(net)  # compiles the model

            def first(net: Network = net, target: Target = target) -> Any:
                del net.__dict__["_costs"]
                return target.cost(net)

            def whole(make: Callable[[], Any] = first) -> Any:
                cost = make()
                return cost.by_layer, cost.flags

            yield {
                "network": name,
                "layers": len(net),
                "target": which,
                "first_us": least_us(first),
                "again_us": least_us(lambda net=net, t=target: t.cost(net)),
                "with_layers_and_flags_us": least_us(whole, 5),
                "operations_us": listing,
            }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What costing an imported network takes.")
    parser.add_argument("--json", help="where to write the lines")
    args = parser.parse_args()
    found = []
    for line in lines():
        found.append(line)
        each = line["first_us"] / line["layers"]
        numbers = ", ".join(f"{k[:-3]} {v:.3g}" for k, v in line.items() if k.endswith("_us"))
        print(
            f"{line['network']} ({line['layers']} layers) on {line['target']}: {numbers} us; "
            f"first {each:.3f} us a layer"
        )
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
