"""``flash search SPACE --targets DIR``: one line for each device of a folder."""

from __future__ import annotations

import os
from time import perf_counter

from ..errors import ArgumentError
from .options import BUDGETS, read_objective
from .read import read_any_space, read_evaluator, read_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from ..hardware.target import Target
    from ..results.result import SearchResult

__all__ = ["search_folder"]

FOUND, NOTHING, USAGE, INTERRUPTED = 0, 1, 2, 130


def search_folder(args: Namespace) -> int:
    """Search for every target of a folder; with --json a line as soon as an answer is there."""
    from ..fleets.fleet import load_targets, search_fleet

    if args.target:
        raise ArgumentError(
            f"--targets takes the place of TARGET, got both ({args.target[0]!r}, {args.targets!r})"
        )
    from .common import check_json, finish

    check_json(args)

    space = read_any_space(args)
    targets = load_targets(args.targets)
    *costs, accuracy = _budgets(args, targets)
    given = {
        "confidence": args.confidence,
        "codesign": args.codesign,
        "predictor": args.predictor,
        "objective": read_objective(args.objective),
        "compile_objective": None,
        "method": args.method,
        "certify": not args.no_certify,
        "evaluator": read_evaluator(args),
        "options": read_options(args.option) or None,
        "journal": args.journal,
        "seed": args.seed,
        "time_limit_s": args.time_limit_s,
        "max_evals": args.max_evals,
        "callback": None,
        "progress": args.progress,
    }
    lines: list[str] = []

    def tell(result: SearchResult) -> None:
        if args.json is None:
            return
        import json

        line = json.dumps(result.to_dict(), allow_nan=False)
        if args.json == "-":
            print(line, flush=True)
        else:
            lines.append(line)

    started = perf_counter()
    fleet = search_fleet(space, targets, costs, accuracy, given, args.threads, started, tell)
    files = []
    if args.json not in (None, "-"):
        from ..base.checks import write_text_atomic

        files.append((args.json, lambda path: write_text_atomic(path, "\n".join(lines) + "\n")))
    if not finish(None if args.json == "-" else str(fleet), *files):
        return USAGE
    if any(result.stopped == "interrupt" for result in fleet):
        return INTERRUPTED
    return FOUND if all(result.success for result in fleet) else NOTHING


def _budgets(args: Namespace, targets: list[Target]) -> list[Any]:
    """Return each budget: of all devices, or where a file gives some their own, one per device."""
    names = [os.path.basename(name) for name in _files(args.targets)]
    values = {name: [getattr(args, name)] * len(targets) for name in BUDGETS}
    if args.budgets is not None:
        from ..base.checks import known_keys, parse_json, read_text

        where = f"the budgets file {args.budgets!r}"
        data = parse_json(read_text(args.budgets, "the budgets file"), where)
        places = {name.removesuffix(".json"): i for i, name in enumerate(names)}
        for name, own in known_keys(where, data, places).items():
            for budget, value in known_keys(f"{where}: {name}", own, BUDGETS).items():
                values[budget][places[name]] = value
    return list(values.values())


def _files(folder: str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(".json"))
