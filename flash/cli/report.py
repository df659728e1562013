"""The command ``flash report``."""

from __future__ import annotations

from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ["prepare_report", "report"]

REPORT_EXAMPLES = """\
examples:
  flash report runs
  flash report runs --out july.html --title "Pi 4, July"
  flash report sweep-of-densenet --cdn

One page of all that FOLDER holds: a table of all files, then each of them, with charts and tables
that a click sorts. It reads what flash writes: results, fronts, sweeps (their Parquet folders too),
comparisons, the answers of fleets, targets, trainings, predictors, measurements, sensitivities,
choices, networks and spaces, in FOLDER and in the folders in it. What it can't read is listed with
the reason. The page is one file of at most 1.5 MB, to be read in a browser or printed.
"""


def prepare_report(parser: ArgumentParser) -> None:
    """Add the options of ``flash report``."""
    parser.description = "Write one page of all that a folder of results holds."
    parser.epilog = REPORT_EXAMPLES
    add = parser.add_argument
    add("folder", metavar="FOLDER", help="a folder with files that flash wrote")
    add("--out", metavar="FILE", help="where the page is written (FOLDER.html, beside FOLDER)")
    add("--title", metavar="TEXT", help="its title (the folder's name)")
    add("--cdn", action="store_true",
        help="charts that answer the mouse, by a script from the network")  # fmt: skip


def report(args: Namespace) -> int:
    """Run ``flash report``."""
    import os

    from ..reporting.folder import written

    if args.out == "":
        raise ArgumentError("--out must be the path of a file, got ''")
    folder = os.path.abspath(args.folder)
    if args.out is None and not os.path.basename(folder):
        raise ArgumentError(f"--out must be given: {args.folder!r} has no name to call the page by")
    out = args.out or f"{folder}.html"
    html, entries = written(args.folder, out, args.title, args.cdn)
    left = {one.name: one.why for one in entries if one.found is None}
    shown, size = len(entries) - len(left), len(html.encode())
    if args.json:
        from .common import print_json

        print_json({"out": out, "bytes": size, "shown": shown, "not_read": left})
        return 0
    print(f"{out}: {shown:,} of {len(entries):,} files and folders, {size / 1000:,.0f} kB")
    for name, why in left.items():
        print(f"not read: {name}: {why}")
    return 0
