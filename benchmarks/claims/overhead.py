"""Each method's own processor time per evaluation; `methods_overhead` of `benchmarks.report`.

python -m benchmarks.claims.overhead --json out.json
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import flash
from benchmarks.claims.methods import BUDGETS
from benchmarks.common.files import write_json
from flash.comparing import statistics
from flash.methods.surrogates import Surrogate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEEDS = 10
OVERHEAD = ("random", "evolution", "pnas", "fp-nas", "parsec")


@contextmanager
def clocked() -> Iterator[list[float]]:
    """Yield what surrogates take, fits and predictions, in seconds."""
    spent = [0.0]
    kept = Surrogate.fit, Surrogate.predict

    def timed(function: Any) -> Any:
        def call(*given: Any) -> Any:
            started = process_time()
            try:
                return function(*given)
            finally:
                spent[0] += process_time() - started

        return call

    Surrogate.fit, Surrogate.predict = map(timed, kept)  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        Surrogate.fit, Surrogate.predict = kept  # type: ignore[method-assign]


def overhead(seeds: int) -> list[dict[str, Any]]:
    """Return each method's own processor seconds per evaluation, tables and answer included."""
    lines = []
    for predictor in (None, "default"):
        for budgets in (BUDGETS, {}):
            for method in OVERHEAD:
                own, surrogates, counts = [], [], []
                for seed in range(seeds):
                    with clocked() as spent:
                        started = process_time()
                        run = flash.search(
                            "densenet", "rram", method=method, predictor=predictor, seed=seed,
                            max_evals=2000, certify=False, **budgets,
                        )  # fmt: skip
                        took = process_time() - started
                    own.append((took - spent[0]) / run.nfev)
                    surrogates.append(spent[0])
                    counts.append(run.nfev)
                lines.append(
                    {
                        "method": method,
                        "score": "NN-Degree" if predictor is None else "default predictor",
                        "budgets": len(budgets),
                        "evaluations": statistics.median(counts),
                        "seconds": statistics.median(own),
                        "worst": max(own),
                        "surrogate_s": statistics.median(surrogates),
                    }
                )
                print(lines[-1], file=sys.stderr)
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args(arguments)
    write_json(args.json, overhead(args.seeds))


if __name__ == "__main__":
    main()
