"""The command ``flash choose``, and tables of options for ``flash pareto`` and ``flash sweep``."""

from __future__ import annotations

from ..errors import ArgumentError, FormatError
from .common import add_json, budgets_of, check_json, check_picture, names_of, print_result
from .read import count, option, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from ..choosing.problem import ChoiceProblem
    from ..choosing.tally import ChoiceSweep

__all__ = [
    "COLUMNS",
    "add_objectives",
    "add_table",
    "choose",
    "pareto_choices",
    "prepare_choose",
    "read_objectives",
    "read_problem",
    "sweep_choices",
]

FOUND, NOTHING, USAGE, INTERRUPTED = 0, 1, 2, 130
COLUMNS = ("group", "option", "metrics", "peaks", "until", "takes", "gives")

EXAMPLES = """\
examples:
  flash choose blocks.csv --minimize loss --where "latency_ms <= 12 and memory_mib <= 512" --k 3
  flash choose blocks.csv --minimize "loss + 0.1 * latency_ms" --json answer.json
  flash choose blocks.csv --minimize loss --where "latency_ms <= 11" --start answer.json
  flash choose layers.csv --group layer --option block --minimize loss,latency_ms \\
    --peaks sram_kib --where "sram_kib <= 320" --table chosen.csv

TABLE has a row for each option: the group that it belongs to, its name, and its numbers. Exit code
0: found; 1: nothing meets the conditions; 2: an argument is not accepted; 130: Ctrl-C.
"""


def prepare_choose(parser: ArgumentParser) -> None:
    """Add the options of ``flash choose``."""
    parser.description = "Choose the best option of each group of a table, proven."
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("table", metavar="TABLE", help="a .csv, .parquet, .jsonl or .json file of options")
    add_objectives(parser)
    add("--k", type=count, default=1, metavar="N", help="how many answers, best first (1)")
    add("--min-distance", type=count, default=1, metavar="N",
        help="in how many groups at least each differs from those before it (1)")  # fmt: skip
    add("--start", metavar="FILE", help="an earlier answer: what --json wrote, or choices as JSON")
    add("--time-limit-s", type=seconds, metavar="S", help="stop after so many seconds")
    add("--max-nodes", type=count, metavar="N", help="stop after so many nodes of the search tree")
    add("--table", dest="out", metavar="FILE", help="write the choices: a .csv or .parquet file")
    add_json(parser)
    add_table(parser)


def add_objectives(parser: ArgumentParser) -> None:
    """Add what is minimised or maximised, and the conditions."""
    add = parser.add_argument
    for name in ("minimize", "maximize"):
        add(f"--{name}", action="append", metavar="O",
            help='a metric, or a sum such as "loss + 0.1 * latency_ms"; several with commas '
            "between, or given again")  # fmt: skip
    add("--where", action="append", metavar="TEXT",
        help='conditions: "latency_ms <= 12 and layer_1 != layer_2"; given again: all hold'
    )  # fmt: skip


def add_table(parser: ArgumentParser) -> None:
    """Add what the columns of a table are."""
    group = parser.add_argument_group("columns of the table")
    add = group.add_argument
    add("--group", metavar="COLUMN", help="names the group (group)")
    add("--option", metavar="COLUMN", help="names the option (option)")
    add("--metrics", metavar="NAMES", help="metrics, by commas (all columns of numbers)")
    add("--peaks", metavar="NAMES", help="metrics of which the largest counts, by commas")
    add("--until", metavar="COLUMN", help="the last group that an option covers")
    add("--takes", metavar="COLUMN", help="the state that an option takes from the one before")
    add("--gives", metavar="COLUMN", help="the state that it gives")


def read_problem(args: Namespace, path: str) -> ChoiceProblem:
    """Return the problem of a table."""
    import flash

    return flash.ChoiceProblem.from_table(
        path,
        group=args.group or "group",
        option=args.option or "option",
        metrics=None if args.metrics is None else names_of(args.metrics),
        peaks=() if args.peaks is None else names_of(args.peaks),
        until=args.until,
        takes=args.takes,
        gives=args.gives,
        progress=args.progress,
    )


def read_objectives(texts: list[str] | None) -> Any:
    """Return what an option says: one objective, or a list; a JSON object stands for itself."""
    if texts is None:
        return None
    found: list[Any] = []
    for text in texts:
        if text.strip().startswith("{"):
            from ..base.checks import parse_json

            found.append(parse_json(text, "the objective"))
        else:
            found += names_of(text)
    return found[0] if len(found) == 1 else found


def choose(args: Namespace) -> int:
    """Run ``flash choose``."""
    import flash

    check_json(args)
    more = _checked_out(args)
    start = None if args.start is None else _read_start(args.start)
    result = flash.choose(
        read_problem(args, args.table),
        minimize=read_objectives(args.minimize),
        maximize=read_objectives(args.maximize),
        where=args.where,
        k=args.k,
        min_distance=args.min_distance,
        start=start,
        time_limit_s=args.time_limit_s,
        max_nodes=args.max_nodes,
        progress=args.progress,
    )
    if more and result.choices is not None:
        from ..choosing.writing import write_columns

        written = [(path, lambda path: write_columns(path, result.columns())) for path in more]
    else:
        written = []
    if not print_result(args, result, *written):
        return USAGE
    if result.stopped == "interrupt":
        return INTERRUPTED
    return FOUND if result.success else NOTHING


def _checked_out(args: Namespace) -> list[str]:
    """Return the file of --table, where there is one, that can be written."""
    if args.out is None:
        return []
    from ..base.checks import shown, writable
    from ..choosing.writing import ENDINGS

    if not args.out.lower().endswith(ENDINGS):
        raise ArgumentError(f"--table must end in {' or '.join(ENDINGS)}, got {shown(args.out)}")
    if args.out.lower().endswith(".parquet"):
        from ..base.extras import need_pyarrow

        need_pyarrow()
    writable("--table", args.out)
    return [args.out]


def _read_start(path: str) -> Any:
    """Return an earlier answer: a result, or its choices alone."""
    import flash

    from ..base.checks import parse_json, read_text

    data = parse_json(read_text(path, "--start"), f"--start {path}")
    if isinstance(data, dict) and "format" in data:
        return flash.ChoiceResult.from_dict(data)
    if not isinstance(data, dict):
        raise FormatError(f"--start {path} must hold an answer, or an option for each group")
    return data


def pareto_choices(args: Namespace) -> int:
    """Run ``flash pareto --choices TABLE``."""
    import flash

    check_json(args)
    own = (args.threads, args.objectives, args.min_nn_degree)
    if args.codesign or args.epsilon or own != (None, None, None):
        raise ArgumentError(
            "--codesign, --epsilon, --threads, --objectives and --min-nn-degree are of a space; a "
            "table takes --minimize, --maximize and --where"
        )
    check_picture(args)
    front = flash.pareto(
        read_problem(args, args.choices),
        minimize=read_objectives(args.minimize),
        maximize=read_objectives(args.maximize),
        where=args.where,
        time_limit_s=args.time_limit_s,
        progress=args.progress,
        **_of_a_space(args),
    )
    pictures = []
    if args.plot is not None and len(front):
        from ..choosing.drawing import chart_of

        pictures.append((args.plot, lambda path: chart_of(front).save(path)))
    if not print_result(args, front, *pictures):
        return USAGE
    if front.stopped == "interrupt":
        return INTERRUPTED
    return FOUND if len(front) else NOTHING


def _of_a_space(args: Namespace) -> dict[str, Any]:
    """Return what is of a space and was given all the same: the function refuses it by name."""
    given = {**budgets_of(args), "predictor": args.predictor}
    return {name: value for name, value in given.items() if value is not None}


def sweep_choices(args: Namespace) -> ChoiceSweep:
    """Run ``flash sweep --choices TABLE``."""
    import flash

    for name in ("objective", "pareto", "chunk", "no_resume", "threads", "dask", "yes"):
        if getattr(args, name) not in (None, False):
            raise ArgumentError(f"{option(name)} is of a space")
    swept: ChoiceSweep = flash.sweep(
        read_problem(args, args.choices),
        minimize=read_objectives(args.minimize),
        maximize=read_objectives(args.maximize),
        where=args.where,
        top=args.top,
        bins=args.bins,
        sample=args.sample,
        seed=args.seed,
        out=args.out,
        progress=args.progress,
        **_of_a_space(args),
    )
    return swept
