"""The command ``flash explore``."""

from __future__ import annotations

from ..errors import ArgumentError
from .choose import COLUMNS, add_objectives, add_table, read_objectives
from .common import budgets_of, names_of
from .options import add_budgets
from .read import SPACE, count, fraction, number, option, read_objective, read_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

__all__ = ["explore", "prepare_explore"]

INTERRUPTED = 130

EXAMPLES = """\
examples:
  flash explore densenet rram
  flash explore mobilenet-v2 cpu-x86 raspberry-pi-4 --max-latency-ms 20
  flash explore densenet fpga-zu3eg --codesign --front accuracy,latency_ms,energy_mj
  flash explore blocks.csv --minimize loss
  flash explore front.json --port 8050 --no-browser
  flash explore sweep-of-densenet

Serves a page on this machine alone and opens it in the browser; Ctrl-C ends it (exit code 130).
Budgets and conditions are where its sliders stand at the opening. WHAT is a space, with one TARGET
or several; or, without, a table of choices, the JSON of a front or of a problem of choices, or the
folder of a sweep. See docs/howto/explore.md.
"""


def prepare_explore(parser: ArgumentParser) -> None:
    """Add the options of ``flash explore``."""
    parser.description = "Move budgets on a page and see the proven answer follow."
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("space", metavar="WHAT", help="a space or its file; or a table, a front, a sweep's folder")
    add("target", metavar="TARGET", nargs="*", help="names or files of targets, side by side")
    add("--port", type=count, metavar="N", help="of the page (one that is free)")
    add("--no-browser", action="store_true", help="print the address, and open no browser")
    add_budgets(parser)
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")
    add("--trained", metavar="FILE",
        help="networks that are trained, as points: a folder of flash train, a table, a "
        "journal")  # fmt: skip
    add("--objective", action="append", metavar="O",
        help="accuracy (default), or exponents of a weighted product: "
        "accuracy=1,latency_ms=-1")  # fmt: skip
    add("--min-nn-degree", type=number, metavar="X", help="NN-Degree at least")
    add("--confidence", metavar="LEVEL", type=fraction,
        help="budgets hold for the upper ends of the costs' intervals at this level, as "
        "0.9")  # fmt: skip
    add("--codesign", action="store_true",
        help="choose the accelerator too, where the target has a design space")  # fmt: skip
    add("--front", metavar="O,O", help="the two or three objectives of the front that is shown")
    add("--epsilon", type=fraction, default=0.0, metavar="E", help="a coarser front: see pareto")
    add_objectives(parser)
    add_table(parser)
    parser.intermixed = True  # type: ignore[attr-defined]  # several TARGETs between options


def explore(args: Namespace) -> int:
    """Run ``flash explore``."""
    from ..exploring.running import started, state_of

    start = state_of(
        {**budgets_of(args), "min_nn_degree": args.min_nn_degree},
        where=args.where,
        objective=read_objective(args.objective),
        confidence=args.confidence,
        codesign=args.codesign,
        objectives=() if args.front is None else names_of(args.front),
        epsilon=args.epsilon,
    )
    words = _words(args)
    columns = _columns(args)
    if not args.target and words[1:]:
        raise ArgumentError(f"{words[1]} is of a space, which goes with a TARGET")
    if args.target and columns:
        raise ArgumentError(f"{option(next(iter(columns)))} is of a table, not of a space")
    page = started(
        read_space(args) if args.target else args.space,
        args.target,
        predictor=args.predictor,
        trained=args.trained,
        words=words if args.target else None,
        columns=columns or None,
        minimize=read_objectives(args.minimize),
        maximize=read_objectives(args.maximize),
        start=start,
        port=args.port,
        browser=False,
    )
    with page:
        print(f"{page.title}: {page.address}\nCtrl-C ends it", flush=True)
        if not args.no_browser:
            import webbrowser

            webbrowser.open(page.address)
        try:
            page.wait()
        except KeyboardInterrupt:  # how it is meant to end: nothing to be told
            return INTERRUPTED
    return 0


def _words(args: Namespace) -> list[str]:
    """Return the words that name the space."""
    words = [args.space]
    for name in SPACE:
        if getattr(args, name) is not None:
            words += [option(name), getattr(args, name)]
    if args.images is not None:
        words += ["--images", args.images]
    return words


def _columns(args: Namespace) -> dict[str, Any]:
    """Return what is said of a table's columns."""
    found: dict[str, Any] = {}
    for name in COLUMNS:
        value = getattr(args, name)
        if value is not None:
            found[name] = names_of(value) if name in ("metrics", "peaks") else value
    return found
