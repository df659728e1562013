"""The command ``flash pareto``."""

from __future__ import annotations

from ._cli_options import BUDGETS, add_budgets, read_space
from .errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["pareto", "prepare_pareto"]

FOUND, NOTHING, INTERRUPTED = 0, 1, 130
PICTURES = (".html", ".png", ".svg", ".pdf")

EXAMPLES = """\
examples:
  flash pareto densenet rram
  flash pareto densenet rram --objectives accuracy,latency_ms,energy_mj --max-area-mm2 70
  flash pareto mobilenet-v2 cpu-x86 --epsilon 0.01 --plot front.html --json front.json

Prints some of the front's points, from the best by the first objective on, with the knee; --json
prints or writes all of them.
"""


def prepare_pareto(parser: ArgumentParser) -> None:
    """Add the options of ``flash pareto``."""
    parser.description = "Find every trade-off that no network of a space betters."
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("space", metavar="SPACE", help="densenet, resnet, wide-resnet, mobilenet-v2, or a file")
    add("target", metavar="TARGET", help="name or file of a target")
    add("--objectives", default="accuracy,latency_ms", metavar="O,O",
        help="two to four of accuracy, latency_ms, energy_mj, area_mm2, params, macs "
        "(accuracy,latency_ms)")  # fmt: skip
    add_budgets(parser)
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")
    add("--epsilon", type=float, default=0.0, metavar="E",
        help="fewer points: for every network one comes within a factor 1 + E of it")  # fmt: skip
    add("--time-limit-s", type=float, metavar="S", help="stop after so many seconds")
    add("--progress", action="store_true", help="show progress on standard error")
    add("--plot", metavar="FILE", help="draw it: .html (plotly), .png, .svg or .pdf (matplotlib)")
    add("--json", nargs="?", const="-", metavar="PATH",
        help="print all points as JSON, or write them to PATH and print the screen")  # fmt: skip


def pareto(args: Namespace) -> int:
    """Run ``flash pareto``."""
    import flash

    if args.json == "":
        raise ArgumentError("--json must be the path of a file, or without one, got ''")
    if args.plot is not None and not args.plot.endswith(PICTURES):
        raise ArgumentError(f"--plot must end in one of {', '.join(PICTURES)}, got {args.plot!r}")
    if args.plot is not None:
        from ._front_plot import figure_of

        figure_of("plotly" if args.plot.endswith(".html") else "matplotlib")
    front = flash.pareto(
        read_space(args),
        args.target,
        [name.strip() for name in args.objectives.split(",")],
        **{name: getattr(args, name) for name in BUDGETS},
        predictor=args.predictor,
        epsilon=args.epsilon,
        time_limit_s=args.time_limit_s,
        progress=args.progress,
    )
    if args.json == "-":
        print(front.to_json())
    else:
        if args.json is not None:
            front.to_json(args.json)
        print(front)
    if args.plot is not None and len(front):
        from ._front_plot import save

        save(front, args.plot)
    if front.stopped == "interrupt":
        return INTERRUPTED
    return FOUND if len(front) else NOTHING
