"""Which real models `Network.from_torch` reads, and whether it counts them right.

    python -m benchmarks.claims.imports DATA --json out.json

DATA is a folder with models/expected.csv: set (torchvision, timm or transformers), name, arguments
as JSON, input_shape, params, macs, macs_constant. Models are built without weights. A set whose
package is not installed is marked as absent. A model counts as right where params and MACs are
those of the file, or MACs without those that depend on weights alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from flash.networks.network import Network


def built(kind: str, name: str, arguments: dict[str, Any]) -> Any:
    """Return a model without weights, in evaluation mode."""
    import torch

    name, _, _ = name.partition(":")
    name, _, part = name.partition(".")
    torch.manual_seed(0)
    if kind == "torchvision":
        from torchvision import models

        module = models.get_model(name, weights=None, **arguments)
    elif kind == "timm":
        import timm

        module = timm.create_model(name, pretrained=False, **arguments)
    else:
        import transformers

        model = getattr(transformers, name)
        module = model(model.config_class(**arguments))
    for step in part.split(".") if part else ():
        module = getattr(module, step)
    return module.eval()


def verdict(row: dict[str, str], *, trace: bool = False) -> dict[str, Any]:
    """Read one model and say how its counts are."""
    found: dict[str, Any] = {"set": row["set"], "name": row["name"]}
    try:
        module = built(row["set"], row["name"], json.loads(row["arguments"] or "{}"))
    except ImportError:
        return {**found, "verdict": "absent"}
    shape = tuple(json.loads(row["input_shape"]))
    begun = time.process_time()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            net = Network.from_torch(module, shape)
    except Exception as error:
        if trace:
            traceback.print_exc()
        found["why"] = f"{type(error).__name__}: {error}"[:400]
        return {**found, "verdict": "refused"}
    found["seconds"] = round(time.process_time() - begun, 3)
    found["rows"] = len(net)
    found["params"], found["macs"] = net.params, net.macs
    found["warnings"] = [str(one.message) for one in caught if "module" in str(one.message)]
    params = int(row["params"])
    wrong = [] if net.params == params else [f"params {net.params} for {params}"]
    if row["macs"]:
        macs, constant = int(row["macs"]), int(row["macs_constant"] or 0)
        if not macs - constant <= net.macs <= macs or net.macs not in (macs, macs - constant):
            wrong.append(f"MACs {net.macs} for {macs}")
    found["why"] = "; ".join(wrong)
    return {**found, "verdict": "wrong" if wrong else "right"}


def main(argv: list[str] | None = None) -> int:
    """Read every model of the file, and print verdicts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(argv)
    path = given.data / "models" / "expected.csv"
    if not path.is_file():
        print(f"{path} is absent")
        return 0
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if given.only in f"{row['set']}/{row['name']}"]
    verdicts = []
    for row in rows:
        found = verdict(row, trace=given.trace)
        verdicts.append(found)
        line = f"{found['verdict']:8s} {found['set']}/{found['name']} {found.get('seconds', '')}"
        print(line, found.get("why", ""), *found.get("warnings", ()), flush=True)
    counts = {
        kind: sum(one["verdict"] == kind for one in verdicts)
        for kind in ("right", "wrong", "refused", "absent")
    }
    print(", ".join(f"{number} {kind}" for kind, number in counts.items()))
    if given.json:
        given.json.write_text(json.dumps({"counts": counts, "models": verdicts}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
