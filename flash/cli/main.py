"""The command line: ``flash COMMAND``, of which `options.HELP` is the list.

Each command takes what its function takes, and does no more than read the arguments and print.
Exit codes: 0 done, 1 no network meets the budgets, 2 an argument is not accepted, 130 Ctrl-C.
Nothing is imported before its command needs it: a search from the shell is mostly Python's start.
"""

from __future__ import annotations

import sys

from .. import _SHOWN, _WATCHED, _open
from ..errors import ArgumentError, FlashError
from .common import check_json, screen
from .options import (
    BUDGETS,
    HELP,
    USAGE,
    read,
)
from .read import (
    read_conditions,
    read_evaluator,
    read_options,
    read_space,
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
    if args.progress:
        _open(_WATCHED)
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
        read_space(args),
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
    from .sweep import evaluate

    return evaluate(args)


# cost


def _cost(args: Namespace) -> int:
    from .cost import cost

    return cost(args)


# sweep


def _sweep(args: Namespace) -> int:
    from .sweep import sweep

    return sweep(args)


# measure and calibrate


def _measure(args: Namespace) -> int:
    from .measure import measure

    return measure(args)


def _calibrate(args: Namespace) -> int:
    from .measure import calibrate

    return calibrate(args)


# train


def _train(args: Namespace) -> int:
    from .train import train

    return train(args)


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
    from .targets import list_targets

    return list_targets(args)


def _completion(args: Namespace) -> int:
    from .completion import completion

    return completion(args)


def _info(args: Namespace) -> int:
    from .targets import info

    return info(args)


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
