"""The command line: ``flash COMMAND``, of which `options.HELP` is the list.

Each command takes what its function takes, and does no more than read the arguments and print.
Exit codes: 0 done, 1 no network meets the budgets, 2 an argument is not accepted, 130 Ctrl-C.
Nothing is imported before its command needs it: a search from the shell is mostly Python's start.
"""

from __future__ import annotations

import sys

from .. import _SHOWN, _open
from ..errors import ArgumentError, FlashError
from .common import check_json, print_json, screen
from .options import (
    BUDGETS,
    HELP,
    USAGE,
    read,
)
from .read import (
    read_any_space,
    read_conditions,
    read_evaluator,
    read_kept,
    read_options,
    read_row,
    read_space,
    read_space_data,
    read_together,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..results.result import SearchResult

__all__ = ["main"]

FOUND, NOTHING, INTERRUPTED, BROKEN_PIPE = 0, 1, 130, 141
RARELY = 50_000  # objects more, before the collector looks for circles: a search makes none


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process by default.
    """
    own = argv is None  # the process is ours
    argv = list(sys.argv[1:] if argv is None else argv)
    import gc

    if own:
        gc.set_threshold(RARELY)
    try:
        code = _dispatch(argv)
        sys.stdout.flush()
        if own and argv[:1] == ["search"]:
            gc.freeze()  # nothing is left that an end in order has to look for
        return code
    except FlashError as error:
        return _fail("\n".join([str(error), *getattr(error, "__notes__", ())]))
    except BrokenPipeError:  # `flash targets | head`: the reader has left
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")
    except KeyboardInterrupt as stop:
        notes = "".join(f": {note}" for note in getattr(stop, "__notes__", ()))
        print(f"flash: interrupted{notes}", file=sys.stderr)
        return INTERRUPTED


def _dispatch(argv: list[str]) -> int:
    command = argv[0] if argv else "--help"
    if command in ("-h", "--help", "help"):
        print(HELP, end="")
        return FOUND
    if command in ("-V", "--version"):
        from .._version import __version__

        print(f"flash {__version__}")
        return FOUND
    if command not in _COMMANDS:
        from ..base.checks import choice

        choice("COMMAND", command, _COMMANDS)  # raises, with the nearest name
    args = read(command, argv[1:])
    if args.verbose or args.quiet:
        from .verbose import told

        with told(args.verbose, args.quiet):
            return _COMMANDS[command](args)
    return _COMMANDS[command](args)


def _fail(message: str) -> int:
    print(f"flash: error: {message}", file=sys.stderr)
    return USAGE


# search


def _search(args: Namespace) -> int:
    from .. import search  # first: it opens what reading a space needs, too

    check_json(args)
    if args.targets is not None:
        from .fleet import search_folder

        return search_folder(args)
    target: Any = args.target[0] if len(args.target) == 1 else args.target
    if args.together is not None:
        if args.target:
            raise ArgumentError(f"--together takes the place of TARGET, got {args.target[0]!r} too")
        target = read_together(args)
    elif not args.target:
        raise ArgumentError(
            "TARGET, --together, or --targets with a folder, must be given, got none of them"
        )
    answer = search(
        read_any_space(args),
        target,
        **read_conditions(args, BUDGETS),
        predictor=args.predictor,
        method=args.method,
        confidence=args.confidence,
        codesign=args.codesign,
        certify=not args.no_certify,
        evaluator=read_evaluator(args),
        options=read_options(args.option) or None,
        journal=args.journal,
        seed=args.seed,
        time_limit_s=args.time_limit_s,
        max_evals=args.max_evals,
        progress=args.progress,
        threads=args.threads,
    )
    results: list[SearchResult] = answer if isinstance(answer, list) else [answer]
    if not _told(args, results):
        return USAGE
    if any(result.stopped == "interrupt" for result in results):
        return INTERRUPTED
    return FOUND if all(result.success for result in results) else NOTHING


def _told(args: Namespace, results: list[SearchResult]) -> bool:
    """Print results, then write them where --json says; false where that failed."""
    _open(_SHOWN)
    if args.json is None:
        print(screen("\n\n".join(map(str, results))))
        return True
    from ..base.checks import write_text_atomic
    from .common import finish

    text = (
        results[0].to_json()
        if len(results) == 1
        else "[" + ",\n".join(result.to_json() for result in results) + "]"
    )
    if args.json == "-":
        print(text)
        return True
    shown = screen("\n\n".join(map(str, results)))
    return finish(shown, (args.json, lambda path: write_text_atomic(path, text + "\n")))


# pareto


def _pareto(args: Namespace) -> int:
    from .front import pareto

    return pareto(args)


# choose


def _choose(args: Namespace) -> int:
    from .choose import choose

    return choose(args)


# evaluate


def _evaluate(args: Namespace) -> int:
    import flash

    from ..spaces.space import SearchSpace

    if args.choices is not None or args.out is not None:
        from .sweep import evaluate_file

        if args.choices is None:
            raise ArgumentError("--out takes the rows of --choices; NETWORKs are printed")
        told = evaluate_file(args)
        if args.json:
            print_json(told)
        else:
            print(f"{told['rows']:,} rows in {told['out']}")
        return FOUND
    if not args.network:
        raise ArgumentError("NETWORK or --choices must be given")
    named = read_space(args)
    space = SearchSpace(named) if isinstance(named, str) else named
    rows = [read_row(space, text) for text in args.network]
    columns = flash.evaluate(space, args.target, rows, predictor=args.predictor)
    values = {name: column.tolist() for name, column in columns.items()}
    if args.json:
        values["index"] = [space.index(row) for row in rows]
        values["architecture"] = [space.decode(row).to_dict() for row in rows]
        networks = zip(*values.values(), strict=True)
        print_json([dict(zip(values, one, strict=True)) for one in networks])
        return FOUND
    from ..results.screen import quantity, table

    lines = [["network", *values]]
    for number, name in enumerate(args.network):
        lines.append([name, *(quantity(column[number]) for column in values.values())])
    print(screen("\n".join(table(lines, 1))))
    return FOUND


# cost


def _cost(args: Namespace) -> int:
    from .cost import cost

    return cost(args)


# sweep


def _sweep(args: Namespace) -> int:
    from .common import print_result
    from .sweep import sweep

    result = sweep(args)
    if not print_result(args, result):
        return USAGE
    return FOUND if result.feasible else NOTHING


# measure and calibrate


def _measure(args: Namespace) -> int:
    from .measure import measure

    return measure(args)


def _calibrate(args: Namespace) -> int:
    from .measure import calibrate

    return calibrate(args)


# train


def _train(args: Namespace) -> int:
    import flash

    given = {name: getattr(args, name) for name in ("learning_rate", "augment", "precision")}
    given = {name: value for name, value in given.items() if value is not None}
    from ..spaces.known.homes import KNOWN

    space = read_space_data(args)
    if args.space in KNOWN:  # of the images' own size and number of classes
        space = args.space
    result = flash.train(
        space,
        args.data,
        args.n,
        test=args.test,
        test_fraction=args.test_fraction,
        epochs=args.epochs,
        batch_size=args.batch_size,
        recipe=given,
        repeats=args.repeats,
        seed=args.seed,
        device=args.device,
        workers=args.workers,
        out=args.out,
        resume=not args.no_resume,
        keep_weights=read_kept(args.keep_weights),
        memory_gib=args.memory_gib,
        progress=args.progress,
    )
    if args.json:
        print_json(result.to_dict())
    else:
        print(result)
    return FOUND


# suggest, tell and fit


def _suggest(args: Namespace) -> int:
    from .suggest import suggest

    return suggest(args)


def _tell(args: Namespace) -> int:
    from .suggest import tell

    return tell(args)


def _fit(args: Namespace) -> int:
    from .fit import fit

    return fit(args)


# export


def _export(args: Namespace) -> int:
    from .export import export

    return export(args)


# compare


def _compare(args: Namespace) -> int:
    from .compare import compare

    return compare(args)


# explore


def _explore(args: Namespace) -> int:
    from .explore import explore

    return explore(args)


# report


def _report(args: Namespace) -> int:
    from .report import report

    return report(args)


# targets and info


def _targets(args: Namespace) -> int:
    import flash

    from ..base.registry import names as registered
    from ..results.screen import table

    names = (*flash.targets(), *registered("target")) if args.target is None else (args.target,)
    found = [flash.Target.load(name) for name in names]
    fields = (
        *("name", "kind", "metrics", "description", "calibrated_ranges"),
        *("not_calibrated_families", "residuals", "provenance"),
    )
    facts = [{field: _plain(getattr(one, field)) for field in fields} for one in found]
    if args.json:
        print_json(facts if args.target is None else facts[0])
    elif args.target is None:
        rows = [_listed(one) for one in facts]
        titles = ["name", "kind", "metrics", "networks", "held-out error %", "their macs"]
        print(screen("\n".join(table([titles, *rows], len(titles)))))
    else:
        for field, value in facts[0].items():
            print("\n".join([f"{field}:", *_indented(value)]))
    return FOUND


def _listed(facts: dict[str, Any]) -> list[str]:
    """Return a target's line: what it was fitted to, how far off it is, where it holds."""
    sets = [one for one in (facts["residuals"] or {}).values() if isinstance(one, dict)]
    counts = [one.get("networks") for one in sets]  # notes: a user's file may say anything there
    count = sum(one for one in counts if isinstance(one, int))
    errors = []
    for metric in facts["metrics"]:
        worst = [_error(one, metric) for one in sets]
        some = [one for one in worst if one is not None]
        errors.append(f"{max(some):.2g}" if some else "-")
    ranges = [one["network"].get("macs") for one in facts["calibrated_ranges"].values()]
    ends = [one for one in ranges if one]
    low, high = min((one[0] for one in ends), default=0), max((one[1] for one in ends), default=0)
    return [
        facts["name"],
        facts["kind"],
        ", ".join(facts["metrics"]),
        f"{count}" if count else "not calibrated",
        ", ".join(errors),
        f"{low / 1e6:.3g}M to {high / 1e6:.3g}M" if ends else "-",
    ]


def _error(notes: dict[str, Any], metric: str) -> float | None:
    at: Any = notes.get("held_out", notes.get("all_networks"))
    for key in (metric, "mape_pct"):
        at = at.get(key) if isinstance(at, dict) else None
    return float(at) if isinstance(at, (int, float)) else None


def _plain(value: Any) -> Any:
    """Return data of mappings and sequences as what JSON has."""
    if hasattr(value, "keys"):
        return {str(key): _plain(value[key]) for key in value}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _indented(value: Any, by: str = "  ") -> list[str]:
    if isinstance(value, dict):
        lines = []
        for key, one in value.items():
            nested = _indented(one, by + "  ")
            short = len(nested) == 1 and not isinstance(one, dict)
            lines += [f"{by}{key}: {nested[0].strip()}"] if short else [f"{by}{key}:", *nested]
        return lines
    if isinstance(value, list):
        return [by + ", ".join(map(str, value))]
    return [by + str(value)]


def _completion(args: Namespace) -> int:
    from .completion import completion

    return completion(args)


def _info(args: Namespace) -> int:
    from ..buildinfo import build_info

    facts = build_info(packages=True)
    if args.json:
        print_json(facts)
    else:
        width = max(map(len, facts))
        print("\n".join(f"{name.ljust(width)}  {value}" for name, value in facts.items()))
    return FOUND


_COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "search": _search,
    "pareto": _pareto,
    "choose": _choose,
    "evaluate": _evaluate,
    "cost": _cost,
    "sweep": _sweep,
    "measure": _measure,
    "calibrate": _calibrate,
    "train": _train,
    "suggest": _suggest,
    "tell": _tell,
    "fit": _fit,
    "export": _export,
    "compare": _compare,
    "explore": _explore,
    "report": _report,
    "targets": _targets,
    "completion": _completion,
    "info": _info,
}
