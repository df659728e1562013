"""``flash suggest``: which networks to train next; ``flash tell``: how a training went."""

from __future__ import annotations

from .common import add_json
from .read import amount_of, count, fraction, option, read_space, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["prepare_suggest", "prepare_tell", "suggest", "tell"]

BUDGETS = ("max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs")
FOUND, NOTHING, USAGE = 0, 1, 2
points = amount_of("accuracy, a fraction")

EXAMPLES = """\
examples:
  flash suggest densenet rram --max-latency-ms 4
  flash suggest densenet rram --measured trained.csv --n 8 --max-latency-ms 4 --json next.json
  flash suggest resnet cpu-x86 --measured runs/resnet --cost seconds
  flash suggest densenet rram --folder asked --n 4 --max-latency-ms 4

A table of what is trained has a column "name" or "index" (the flat index, or the name of a network
of nas-bench-201 and the like), "accuracy", and perhaps "seconds"; lines of one network are repeats.
With --folder each network is a file below DIR/asked, and every training is told by `flash tell`, or
by a file below DIR/told; the same command again takes what was told and asks for more.
"""

TELL_EXAMPLES = """\
examples:
  flash tell asked 0001 0.913 --seconds 512
  flash tell asked 0002 failed

ID is the name of the network's file below DIR/asked, without .json. Several of one ID are repeats.
"""


def prepare_suggest(parser: ArgumentParser) -> None:
    """Add the options of ``flash suggest``."""
    from .options import BUDGETS as ALL

    parser.description = "Suggest which networks to train next, given what is trained so far."
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("space", metavar="SPACE",
        help="densenet, mobilenet-v3 and others, nas-bench-201, a plugin's, or a file")  # fmt: skip
    add("target", metavar="TARGET", help="name or file of a target")
    add("--measured", metavar="FILE",
        help="what is trained so far: a table (CSV, JSON, Parquet), a journal of flash search, a "
        "folder of flash train or of suggestions")  # fmt: skip
    add("--n", type=count, default=4, metavar="N", help="how many networks (4)")
    group = parser.add_argument_group("budgets")
    for name in BUDGETS:
        metavar, text, kind = ALL[name]
        group.add_argument(option(name), type=kind, metavar=metavar, help=text)
    add("--folder", metavar="DIR", help="ask through a folder, and take what is told there")
    add("--cost", default="none", metavar="WHAT",
        help="what trainings are weighed by: none (default), macs or seconds")  # fmt: skip
    add("--prior", metavar="FILE", help="accuracy predictor that was known before, or 'default'")
    add("--noise", type=points, metavar="SD",
        help="standard deviation of the accuracy of one training (what repeats say)")  # fmt: skip
    add("--seed", type=count, default=0, metavar="N")
    add_json(parser)


def suggest(args: Namespace) -> int:
    """Run ``flash suggest``; return the exit code."""
    import sys

    import flash

    from ..suggesting.proposing import NothingLeft
    from .common import check_json, print_result

    check_json(args)
    try:
        found = flash.suggest(
            read_space(args),
            args.target,
            () if args.measured is None else args.measured,
            args.n,
            **{name: getattr(args, name) for name in BUDGETS},
            cost=args.cost,
            prior=args.prior,
            noise=args.noise,
            folder=args.folder,
            seed=args.seed,
            progress=args.progress,
        )
    except NothingLeft as nothing:
        print("\n".join([f"flash: {nothing}", *getattr(nothing, "__notes__", ())]), file=sys.stderr)
        return NOTHING
    return FOUND if print_result(args, found) else USAGE


def prepare_tell(parser: ArgumentParser) -> None:
    """Add the options of ``flash tell``."""
    parser.description = "Tell how a training went that flash suggest asked for through a folder."
    parser.epilog = TELL_EXAMPLES
    add = parser.add_argument
    add("folder", metavar="DIR", help="the folder")
    add("id", metavar="ID", help="the network's, as 0001")
    add("accuracy", metavar="ACCURACY", type=_accuracy, help="from 0 to 1, or: failed")
    add("--seconds", type=seconds, metavar="S", help="what the training took")
    add("--seed", type=count, metavar="N", help="of the training")


def _accuracy(text: str) -> float | None:
    return None if text == "failed" else fraction(text)


def tell(args: Namespace) -> int:
    """Run ``flash tell``; return the exit code."""
    import flash

    from .common import print_json

    path = flash.tell(args.folder, args.id, args.accuracy, args.seconds, args.seed)
    if args.json:
        print_json({"id": args.id, "accuracy": args.accuracy, "file": path})
    else:
        print(path)
    return FOUND
