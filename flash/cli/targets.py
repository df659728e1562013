"""``flash targets`` and ``flash info``."""

from __future__ import annotations

from .common import print_json, screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

__all__ = ["info", "list_targets"]

FOUND = 0


def list_targets(args: Namespace) -> int:
    """Run ``flash targets``."""
    import flash

    from ..base.registry import names as registered
    from ..results.screen import table

    names = (*flash.targets(), *registered("target")) if args.target is None else (args.target,)
    found = [flash.Target.load(name) for name in names]
    fields = (
        *("name", "kind", "metrics", "description", "calibrated_ranges"),
        *("not_calibrated_families", "residuals", "provenance"),
    )
    facts = [{field: _plain(getattr(one, field)) for field in fields} for one in found]
    if args.json:
        print_json(facts if args.target is None else facts[0])
    elif args.target is None:
        rows = [_listed(one) for one in facts]
        titles = ["name", "kind", "metrics", "networks", "held-out error %", "their macs"]
        print(screen("\n".join(table([titles, *rows], len(titles)))))
    else:
        for field, value in facts[0].items():
            print("\n".join([f"{field}:", *_indented(value)]))
    return FOUND


def _listed(facts: dict[str, Any]) -> list[str]:
    """Return a target's line: what it was fitted to, how far off it is, where it holds."""
    sets = [one for one in (facts["residuals"] or {}).values() if isinstance(one, dict)]
    counts = [one.get("networks") for one in sets]  # notes: a user's file may say anything there
    count = sum(one for one in counts if isinstance(one, int))
    errors = []
    for metric in facts["metrics"]:
        worst = [_error(one, metric) for one in sets]
        some = [one for one in worst if one is not None]
        errors.append(f"{max(some):.2g}" if some else "-")
    ranges = [one["network"].get("macs") for one in facts["calibrated_ranges"].values()]
    ends = [one for one in ranges if one]
    low, high = min((one[0] for one in ends), default=0), max((one[1] for one in ends), default=0)
    return [
        facts["name"],
        facts["kind"],
        ", ".join(facts["metrics"]),
        f"{count}" if count else "not calibrated",
        ", ".join(errors),
        f"{low / 1e6:.3g}M to {high / 1e6:.3g}M" if ends else "-",
    ]


def _error(notes: dict[str, Any], metric: str) -> float | None:
    at: Any = notes.get("held_out", notes.get("all_networks"))
    for key in (metric, "mape_pct"):
        at = at.get(key) if isinstance(at, dict) else None
    return float(at) if isinstance(at, (int, float)) else None


def _plain(value: Any) -> Any:
    """Return data of mappings and sequences as what JSON has."""
    if hasattr(value, "keys"):
        return {str(key): _plain(value[key]) for key in value}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _indented(value: Any, by: str = "  ") -> list[str]:
    if isinstance(value, dict):
        lines = []
        for key, one in value.items():
            nested = _indented(one, by + "  ")
            short = len(nested) == 1 and not isinstance(one, dict)
            lines += [f"{by}{key}: {nested[0].strip()}"] if short else [f"{by}{key}:", *nested]
        return lines
    if isinstance(value, list):
        return [by + ", ".join(map(str, value))]
    return [by + str(value)]


def info(args: Namespace) -> int:
    """Run ``flash info``."""
    from ..buildinfo import build_info

    facts = build_info(packages=True)
    if args.json:
        print_json(facts)
    else:
        width = max(map(len, facts))
        print("\n".join(f"{name.ljust(width)}  {value}" for name, value in facts.items()))
    return FOUND
