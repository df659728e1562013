"""``flash sweep``, and ``flash evaluate`` of a whole file of configurations."""

from __future__ import annotations

from ..errors import ArgumentError, FormatError
from .choose import add_objectives, add_table, read_objectives, sweep_choices
from .common import (
    add_json,
    add_problem,
    budgets_of,
    check_json,
    has_table,
    names_of,
    print_json,
    print_result,
    screen,
)
from .options import USAGE, read_objective, read_row, read_space
from .read import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from typing import Any

    from ..choosing.tally import ChoiceSweep
    from ..sweeps.sweeping import SweepResult

NOTHING = 1
ROWS = 1 << 18  # at a time: of a row group

__all__ = ["evaluate", "evaluate_file", "prepare_evaluate", "prepare_sweep", "sweep"]

EXAMPLES = """\
examples:
  flash sweep resnet rram --max-latency-ms 4 --top 5
  flash sweep densenet rram --sample 100000 --pareto accuracy,latency_ms --json
  flash sweep densenet rram --max-latency-ms 4 --sample 1000000 --out rows --where "area_mm2 < 60"
  flash sweep resnet rram --max-energy-mj 0.04 --objective accuracy=1,latency_ms=-1 --progress
  flash sweep --choices blocks.csv --minimize loss --where "latency_ms <= 12" --top 5

Without --where, --pareto, --sample and --out every configuration is counted in the compiled core:
seconds for 10^11. With --out the rows go to a folder of Parquet files; stopped in any way, the same
command goes on with it.
"""


EVALUATE_EXAMPLES = """\
examples:
  flash evaluate densenet rram 0 123456789
  flash evaluate densenet rram 0,0,0,10,3,10,3,10,3 --json
  flash evaluate densenet rram result.json
  flash evaluate densenet rram --choices rows.npy --out rows.parquet
"""


def prepare_evaluate(parser: ArgumentParser) -> None:
    """Add the options of ``flash evaluate``."""
    parser.description = "Print the score and the costs of networks of a space on a target."
    parser.epilog = EVALUATE_EXAMPLES
    add = parser.add_argument
    add(
        "space",
        metavar="SPACE",
        help="densenet, mobilenet-v3, vit and others, a plugin's, or a file",
    )
    add("target", metavar="TARGET", help="name or file of a target")
    add("network", metavar="NETWORK", nargs="*",
        help="a flat index, a row of choice indices with commas between, or a JSON file of an "
        "architecture or of a search result")  # fmt: skip
    add("--choices", metavar="FILE", help="rows of choice indices, or flat indices: a .npy file")
    add("--out", metavar="FILE", help="Parquet file for the rows of --choices")
    add("--threads", type=count, metavar="N", help="all processors by default")
    add("--predictor", metavar="FILE", help="accuracy predictor: a file, or 'default'")


def prepare_sweep(parser: ArgumentParser) -> None:
    """Add the options of ``flash sweep``."""
    parser.description = "Look at every configuration of a space, or at a sample of it."
    parser.epilog = EXAMPLES
    add_problem(parser)
    add = parser.add_argument
    add("--objective", action="append", metavar="O",
        help="accuracy (default), or exponents of a weighted product: accuracy=1,latency_ms=-1, "
        "or the same as JSON")  # fmt: skip
    add("--top", type=count, default=100, metavar="N", help="how many of the best are kept (100)")
    add("--bins", type=count, metavar="N",
        help="bins of each metric's histogram; 0: none (64; none in long sweeps)")  # fmt: skip
    add("--pareto", metavar="NAMES",
        help="the front of two to four of accuracy, latency_ms, energy_mj, area_mm2, params, "
        "macs, by commas")  # fmt: skip
    add("--sample", type=count, metavar="N", help="so many distinct ones, drawn uniformly")
    add("--seed", type=count, default=0, metavar="N", help="of the sample")
    add_objectives(parser)
    add("--out", metavar="PATH",
        help="write the rows there: a folder, as a Parquet dataset; of a table a .csv or .parquet "
        "file")  # fmt: skip
    add("--chunk", type=count, metavar="N", help="rows of a row group (262144)")
    add("--no-resume", action="store_true", help="refuse a folder that holds a sweep")
    add("--threads", type=count, metavar="N", help="all processors by default")
    add("--dask", metavar="ADDRESS", help="run on a Dask cluster: tcp://scheduler:8786")
    add("--yes", action="store_true", help="go ahead where it is estimated to take long")
    add_json(parser)
    add_table(parser)


def sweep(args: Namespace) -> int:
    """Run ``flash sweep``."""
    result = _swept(args)
    if not print_result(args, result):
        return USAGE
    return 0 if result.feasible else NOTHING


def _swept(args: Namespace) -> SweepResult | ChoiceSweep:
    import flash

    check_json(args)
    if has_table(args):
        return sweep_choices(args)
    given: dict[str, Any] = budgets_of(args)
    given |= {
        name: getattr(args, name)
        for name in (
            *("predictor", "top", "bins", "sample", "seed", "out", "chunk"),
            *("threads", "yes", "progress"),
        )
    }
    given["objective"] = read_objective(args.objective)
    for name in ("minimize", "maximize"):
        given[name] = read_objectives(getattr(args, name))
    given["where"] = args.where
    given["resume"] = not args.no_resume
    if args.pareto is not None:
        given["pareto"] = names_of(args.pareto)
    space = read_space(args)
    if args.dask is None:
        return flash.sweep(space, args.target, **given)
    with _client(args.dask) as client:
        return flash.sweep(space, args.target, executor=client.get_executor(), **given)


def _client(address: str) -> Any:
    from ..base.extras import require

    Client = require("--dask", "dask", "distributed").Client
    try:
        return Client(address, timeout=10)
    except (OSError, TimeoutError, ValueError) as error:
        raise ArgumentError(
            f"--dask must be the address of a running scheduler, such as tcp://host:8786, "
            f"got {address!r}: {error}"
        ) from None


def evaluate(args: Namespace) -> int:
    """Run ``flash evaluate``."""
    import flash

    from ..spaces.space import SearchSpace

    if args.choices is not None or args.out is not None:
        if args.choices is None:
            raise ArgumentError("--out takes the rows of --choices; NETWORKs are printed")
        told = evaluate_file(args)
        if args.json:
            print_json(told)
        else:
            print(f"{told['rows']:,} rows in {told['out']}")
        return 0
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
        return 0
    from ..results.screen import quantity, table

    lines = [["network", *values]]
    for number, name in enumerate(args.network):
        lines.append([name, *(quantity(column[number]) for column in values.values())])
    print(screen("\n".join(table(lines, 1))))
    return 0


def evaluate_file(args: Namespace) -> dict[str, Any]:
    """Run ``flash evaluate --choices FILE``: what was written, or how the columns lie."""
    import numpy as np

    import flash

    if args.network:
        raise ArgumentError("NETWORK and --choices cannot be used together")
    if args.out is None:
        raise ArgumentError("--choices needs --out, the Parquet file that takes the rows")
    try:
        choices = np.load(args.choices, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ArgumentError(f"--choices: there is no file {args.choices!r}") from None
    except (ValueError, EOFError) as error:
        raise FormatError(f"--choices: {args.choices!r} is no .npy file: {error}") from None
    if not isinstance(choices, np.ndarray):
        raise FormatError(f"--choices must be one array (.npy), got {args.choices!r}")
    space = read_space(args)
    given: Any = _watched(choices, args.progress) if args.progress and choices.ndim else choices
    rows = flash.evaluate(
        space, args.target, given, args.predictor, threads=args.threads, out=args.out
    )
    return {"rows": rows, "out": args.out}


def _watched(choices: Any, progress: Any) -> Iterator[Any]:
    """Yield an array's rows, some at a time, and show how many are done."""
    from ..base.progress import Progress

    n = len(choices)
    with Progress(progress, "evaluate", n, "rows") as seen:
        for at in range(0, max(1, n), ROWS):
            yield choices[at : at + ROWS]
            seen.update(min(n, at + ROWS))
