"""The command ``flash pareto``."""

from __future__ import annotations

from ..errors import ArgumentError
from .choose import add_objectives, add_table, read_objectives
from .common import (
    add_json,
    add_problem,
    budgets_of,
    check_json,
    check_picture,
    has_table,
    names_of,
    print_result,
)
from .options import read_space
from .read import count, fraction, number, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from ..fronts.front import ParetoFront

__all__ = ["pareto", "prepare_pareto"]

FOUND, NOTHING, USAGE, INTERRUPTED = 0, 1, 2, 130

EXAMPLES = """\
examples:
  flash pareto densenet rram
  flash pareto densenet rram --objectives accuracy,latency_ms,energy_mj --max-area-mm2 70
  flash pareto mobilenet-v2 cpu-x86 --epsilon 0.01 --plot front.html --json front.json
  flash pareto mobilenet-v2 fpga-zu3eg --codesign
  flash pareto --choices blocks.csv --minimize loss,latency_ms --where "memory_mib <= 512"

Prints some of the front's points, from the best by the first objective on, with the knee; --json
prints or writes all of them.
"""


def prepare_pareto(parser: ArgumentParser) -> None:
    """Add the options of ``flash pareto``."""
    parser.description = "Find every trade-off that no network of a space betters."
    parser.epilog = EXAMPLES
    add_problem(parser)
    add = parser.add_argument
    add_objectives(parser)
    add("--objectives", metavar="O,O",
        help="two to four of accuracy, latency_ms, energy_mj, area_mm2, params, macs "
        "(accuracy,latency_ms)")  # fmt: skip
    add("--min-nn-degree", type=number, metavar="X", help="NN-Degree at least")
    add("--codesign", action="store_true",
        help="choose accelerator and bits too, where the target has a design space")  # fmt: skip
    add("--epsilon", type=fraction, default=0.0, metavar="E",
        help="fewer points: for every network one comes within a factor 1 + E of it")  # fmt: skip
    add("--time-limit-s", type=seconds, metavar="S", help="stop after so many seconds")
    add("--threads", type=count, metavar="N", help="of no effect: a front is found on one thread")
    add("--plot", metavar="FILE", help="draw it: .html (plotly), .png, .svg or .pdf (matplotlib)")
    add("--intervals", action="store_true",
        help="with --json: between which values each point's costs lie, too")  # fmt: skip
    add_json(parser)
    add_table(parser)


def pareto(args: Namespace) -> int:
    """Run ``flash pareto``."""
    import flash

    if has_table(args):
        from .choose import pareto_choices

        return pareto_choices(args)
    check_json(args)
    if args.intervals and args.json is None:
        raise ArgumentError("--intervals is for --json, which holds all points")
    check_picture(args)
    more: dict[str, Any] = {"where": args.where}
    for name in ("minimize", "maximize"):
        more[name] = read_objectives(getattr(args, name))
    front = flash.pareto(
        read_space(args),
        args.target,
        names_of(args.objectives or "accuracy,latency_ms"),
        **budgets_of(args),
        **more,
        predictor=args.predictor,
        min_nn_degree=args.min_nn_degree,
        codesign=args.codesign,
        epsilon=args.epsilon,
        time_limit_s=args.time_limit_s,
        threads=args.threads,
        progress=args.progress,
    )
    pictures = []
    if args.plot is not None and len(front):
        from ..fronts.plot import chart_of

        pictures.append((args.plot, lambda path: chart_of(front).save(path)))
    told = _Told(front) if args.intervals else front
    if not print_result(args, told, *pictures):
        return USAGE
    if front.stopped == "interrupt":
        return INTERRUPTED
    return FOUND if len(front) else NOTHING


class _Told:
    """A front whose JSON holds intervals."""

    def __init__(self, front: ParetoFront) -> None:
        self.front = front

    def __str__(self) -> str:
        return str(self.front)

    def to_json(self, path: str | None = None) -> str:
        return self.front.to_json(path, intervals=True)
