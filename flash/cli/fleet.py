"""``flash search SPACE --targets DIR``: one line for each device of a folder."""

from __future__ import annotations

import os
from time import perf_counter

from ..base.names import STORED
from ..errors import ArgumentError
from .options import BUDGETS, read_objective
from .read import CONDITIONS, UNSAID, read_evaluator, read_options, read_space, read_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from ..hardware.target import Target
    from ..results.result import SearchResult

__all__ = ["search_folder"]

FOUND, NOTHING, USAGE, INTERRUPTED = 0, 1, 2, 130
ALONE = ("where", "min_nn_degree")  # what a file may ask of one device beside budgets


def search_folder(args: Namespace) -> int:
    """Search for every target of a folder; with --json a line as soon as an answer is there."""
    from ..fleets.fleet import load_targets, search_fleet

    if args.target:
        raise ArgumentError(
            f"--targets takes the place of TARGET, got both ({args.target[0]!r}, {args.targets!r})"
        )
    if args.together is not None:
        raise ArgumentError("--together is one search for several devices: it takes no --targets")
    from .common import check_json, finish, screen

    check_json(args)

    space = read_space(args)
    targets = load_targets(args.targets)
    values, each = _budgets(args, targets)
    (*costs, accuracy) = values.values()
    given: dict[str, Any] = {
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
    further = {name: getattr(args, name) for name in CONDITIONS}
    own = [name for name in CONDITIONS if further[name] != UNSAID.get(name)]
    stored = [one for name in STORED for one in values[f"max_{name}"] if one is not None]
    if own or stored or any(each) or _beyond(given["objective"]):
        given |= further
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
    fleet = search_fleet(space, targets, costs, accuracy, given, args.threads, started, tell, each)
    files = []
    if args.json not in (None, "-"):
        from ..base.checks import write_text_atomic

        files.append((args.json, lambda path: write_text_atomic(path, "\n".join(lines) + "\n")))
    if not finish(None if args.json == "-" else screen(str(fleet)), *files):
        return USAGE
    if any(result.stopped == "interrupt" for result in fleet):
        return INTERRUPTED
    return FOUND if all(result.success for result in fleet) else NOTHING


def _budgets(args: Namespace, targets: list[Target]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return each budget by name, of all devices, or where a file gives some their own, one per
    device; and what else the file asks of each device."""
    names = [os.path.basename(name) for name in _files(args.targets)]
    values = {name: [getattr(args, name)] * len(targets) for name in BUDGETS}
    each: list[dict[str, Any]] = [{} for _ in targets]
    if args.budgets is not None:
        from ..base.checks import known_keys

        where = f"the budgets file {args.budgets!r}"
        data = read_table(args.budgets, "the budgets file")
        places = {name.removesuffix(".json"): i for i, name in enumerate(names)}
        for name, own in known_keys(where, data, places).items():
            asked = known_keys(f"{where}: {name}", own, (*BUDGETS, *ALONE))
            for key, value in asked.items():
                if key in ALONE:
                    each[places[name]][key] = value
                else:
                    values[key][places[name]] = value
    return values, each


def _beyond(objective: Any) -> bool:
    """Whether an objective is a sum or a list."""
    return objective == "nn_degree" or isinstance(objective, list) or "sum" in objective


def _files(folder: str) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(".json"))
