"""The command line: ``flash search | evaluate | measure | calibrate | targets | info``.

Each command takes what its function takes, and does no more than read the arguments and print.
Exit codes: 0 done, 1 no network meets the budgets, 2 an argument is not accepted, 130 Ctrl-C.
Nothing is imported before its command needs it: a search from the shell is mostly Python's start.
"""

from __future__ import annotations

import sys

from ._cli_options import BUDGETS, HELP, USAGE, parser, read_objective, read_row, read_space
from .errors import ArgumentError, FlashError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence
    from typing import Any

    from .result import SearchResult

__all__ = ["main"]

FOUND, NOTHING, INTERRUPTED, BROKEN_PIPE = 0, 1, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process by default.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(argv)
        sys.stdout.flush()
        return code
    except FlashError as error:
        return _fail(str(error))
    except BrokenPipeError:  # `flash targets | head`: the reader has left
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        print("flash: interrupted", file=sys.stderr)
        return INTERRUPTED


def _dispatch(argv: list[str]) -> int:
    command = argv[0] if argv else "--help"
    if command in ("-h", "--help", "help"):
        print(HELP, end="")
        return FOUND
    if command in ("-V", "--version"):
        from ._version import __version__

        print(f"flash {__version__}")
        return FOUND
    if command not in _COMMANDS:
        from ._validate import choice

        choice("COMMAND", command, _COMMANDS)  # raises, with the nearest name
    return _COMMANDS[command](parser(command).parse_args(argv[1:]))


def _fail(message: str) -> int:
    print(f"flash: error: {message}", file=sys.stderr)
    return USAGE


def _print_json(data: Any) -> None:
    import json

    print(json.dumps(data, indent=1, allow_nan=False))


# search


def _search(args: Namespace) -> int:
    import flash

    if args.json == "":
        raise ArgumentError("--json must be the path of a file, or without one, got ''")
    budgets = {name: getattr(args, name) for name in BUDGETS}
    answer = flash.search(
        read_space(args),
        args.target[0] if len(args.target) == 1 else args.target,
        **budgets,
        predictor=args.predictor,
        objective=read_objective(args.objective),
        method=args.method,
        certify=not args.no_certify,
        seed=args.seed,
        time_limit_s=args.time_limit_s,
        max_evals=args.max_evals,
        progress=args.progress,
    )
    results: list[SearchResult] = answer if isinstance(answer, list) else [answer]
    if args.json is not None:
        text = (
            results[0].to_json()
            if len(results) == 1
            else "[" + ",\n".join(result.to_json() for result in results) + "]"
        )
        if args.json == "-":
            print(text)
        else:
            from ._validate import write_text_atomic

            write_text_atomic(args.json, text + "\n")
    if args.json != "-":
        print("\n\n".join(map(str, results)))
    if any(result.stopped == "interrupt" for result in results):
        return INTERRUPTED
    return FOUND if all(result.success for result in results) else NOTHING


# evaluate


def _evaluate(args: Namespace) -> int:
    import flash

    from .spaces import SearchSpace

    named = read_space(args)
    space = SearchSpace(named) if isinstance(named, str) else named
    rows = [read_row(space, text) for text in args.network]
    columns = flash.evaluate(space, args.target, rows, predictor=args.predictor)
    values = {name: column.tolist() for name, column in columns.items() if column is not None}
    if args.json:
        values["index"] = [space.index(row) for row in rows]
        values["architecture"] = [space.decode(row).to_dict() for row in rows]
        networks = zip(*values.values(), strict=True)
        _print_json([dict(zip(values, one, strict=True)) for one in networks])
        return FOUND
    from ._screen import quantity, table

    lines = [["network", *values]]
    for number, name in enumerate(args.network):
        lines.append([name, *(quantity(column[number]) for column in values.values())])
    print("\n".join(table(lines, 1)))
    return FOUND


# measure and calibrate


def _measure(args: Namespace) -> int:
    from ._cli_measure import measure

    return measure(args)


def _calibrate(args: Namespace) -> int:
    from ._cli_measure import calibrate

    return calibrate(args)


# targets and info


def _targets(args: Namespace) -> int:
    import flash

    from ._screen import table

    names = flash.targets() if args.target is None else (args.target,)
    found = [flash.Target.load(name) for name in names]
    fields = ("name", "kind", "metrics", "description", "residuals", "provenance")
    facts = [{field: _plain(getattr(one, field)) for field in fields} for one in found]
    if args.json:
        _print_json(facts if args.target is None else facts[0])
    elif args.target is None:
        rows = [[one["name"], one["kind"], ", ".join(one["metrics"])] for one in facts]
        print("\n".join(table([["name", "kind", "metrics"], *rows], 3)))
    else:
        for field, value in facts[0].items():
            print("\n".join([f"{field}:", *_indented(value)]))
    return FOUND


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


def _info(args: Namespace) -> int:
    from ._buildinfo import build_info

    facts = build_info(packages=True)
    if args.json:
        _print_json(facts)
    else:
        width = max(map(len, facts))
        print("\n".join(f"{name.ljust(width)}  {value}" for name, value in facts.items()))
    return FOUND


_COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "search": _search,
    "evaluate": _evaluate,
    "measure": _measure,
    "calibrate": _calibrate,
    "targets": _targets,
    "info": _info,
}
