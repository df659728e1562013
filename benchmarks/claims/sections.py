"""The command line of programs that measure claims section by section."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.claims.claim import write
from benchmarks.common.files import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.claims.claim import Claim

    # Takes the folder, how many seeds, and what keeps the figures so far.
    Section = Callable[[Path, int, Callable[[Any], None]], dict[str, Any]]

__all__ = ["run_sections"]


def run_sections(
    about: str | None,
    sections: Mapping[str, Section],
    kept: Path,
    seeds: int,
    claims: tuple[str, Callable[[dict[str, Any]], list[Claim]]] | None = None,
) -> None:
    """Measure the sections asked for; what was measured before stays.

    Parameters
    ----------
    about : str
        The program's docstring.
    sections : mapping
    kept : path
        Where the figures lie, unless another file is asked for.
    seeds : int
        The usual number.
    claims : (system, function of the figures), optional
        Of which claims become of all that was measured.
    """
    parser = argparse.ArgumentParser(description=(about or "").split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="where trainings are kept")
    parser.add_argument("--only", default=",".join(sections), help="sections, by commas")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--out", type=Path, default=kept)
    args = parser.parse_args()
    told: dict[str, Any] = json.loads(args.out.read_text()) if args.out.exists() else {}
    for name in filter(None, args.only.split(",")):
        if name not in sections:
            parser.error(f"--only must be of {', '.join(sections)}, got {name!r}")

        def keep(so_far: Any, name: str = name) -> None:
            told[name] = so_far
            write_json(args.out, told)

        began = perf_counter()
        found = sections[name](args.folder, args.seeds, keep)
        keep({**found, "seeds": args.seeds, "elapsed_s": perf_counter() - began})
        print(f"{name}: {perf_counter() - began:.0f} s", flush=True)
    if claims is None:
        return
    system, of = claims
    found_claims = of(told)
    for claim in found_claims:
        print(f"{claim.what}\n  paper {claim.paper}; ours {claim.ours}\n  {claim.verdict}")
    if args.out == kept:
        write(system, found_claims)
