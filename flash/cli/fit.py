"""``flash fit``: an accuracy predictor of what is trained."""

from __future__ import annotations

from ..errors import ArgumentError
from .read import read_space

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

__all__ = ["fit", "prepare_fit"]

FOUND, USAGE = 0, 2

EXAMPLES = """\
examples:
  flash fit trained.csv --space densenet --out predictor.json
  flash fit runs/densenet --out predictor.json
  flash fit asked --kind nn-degree
  flash search densenet rram --predictor predictor.json --max-latency-ms 4

A table has a column "name" or "index" (the flat index of a network in SPACE, or its name there) and
"accuracy"; lines of one network are repeats. A folder of flash train or of suggestions, and a
journal of flash search, say themselves of which space they are.
"""


def prepare_fit(parser: ArgumentParser) -> None:
    """Add the options of ``flash fit``."""
    parser.description = "Fit an accuracy predictor to trained networks."
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("measured", metavar="TRAINED",
        help="a table (CSV, JSON, Parquet), a journal of flash search, a folder of flash train or "
        "of suggestions")  # fmt: skip
    add("--space", metavar="SPACE", help="the networks' space: a name or a file")
    add("--kind", default="topology", metavar="KIND", help="topology (default) or nn-degree")
    add("--out", metavar="FILE", help="write the predictor, for --predictor and --prior")


def fit(args: Namespace) -> int:
    """Run ``flash fit``; return the exit code."""
    import flash

    from .common import finish, print_json

    if args.out is not None:
        from ..base.checks import writable

        writable("--out", args.out)
    networks, accuracies, notes = _trained(args)
    found = flash.AccuracyPredictor.fit(networks, accuracies, kind=args.kind)
    files = [] if args.out is None else [(args.out, found.to_json)]
    if args.json:
        report = found.report
        rows: Any = [] if report is None else report.rows
        print_json({
            "kind": found.kind,
            "trainings": len(accuracies),
            "networks": len(found.trained),
            "report": [
                {"name": row.name, "mae": row.mae, "rank": row.rank} for row in rows
            ],
            "chance": None if report is None else report.chance,
            "verdict": None if report is None else report.verdict,
            "notes": notes,
            "out": args.out,
        })  # fmt: skip
        return FOUND if finish(None, *files) else USAGE
    lines = [
        f"{found.title}, fitted to {len(accuracies)} trainings of {len(found.trained)} networks",
        str(found.report),
        *[f"note: {note}" for note in notes],
        *([] if args.out is None else [f"written to {args.out}"]),
    ]
    return FOUND if finish("\n".join(lines), *files) else USAGE


def _trained(args: Namespace) -> tuple[list[Any], list[float], list[str]]:
    """Return networks and accuracies, one for each training, and notes."""
    from ..suggesting.reading import read_trained, space_of

    space = space_of(args.measured) if args.space is None else read_space(args)
    if isinstance(space, list):  # trainings, which hold their networks
        pairs = [(one.architecture, one.accuracy) for one in space]
        return [net for net, _ in pairs], [accuracy for _, accuracy in pairs], []
    if space is None:
        raise ArgumentError("--space, of the table's networks, must be given")
    from ..spaces.named import any_space

    space = any_space(space)
    trained, notes = read_trained(space, args.measured, "TRAINED")
    networks: list[Any] = []
    accuracies: list[float] = []
    for row, runs in sorted(trained.items()):
        try:
            net = space.decode(row)
        except ArgumentError as error:  # a row that stands for no network
            notes.append(f"left out: {error}")
            continue
        networks += [net] * len(runs)
        accuracies += [accuracy for accuracy, _ in runs]
    return networks, accuracies, notes
