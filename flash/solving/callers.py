"""Callers of a compiled objective: arrays in, of which they make the dict that the function takes.

numba knows no dict of unlike arrays but one with literal keys, inside compiled code: so there is
one caller for each set of columns. A target models latency, and energy and area or not.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["caller_of"]

_NAMES = {
    "g": "nn_degree", "q": "accuracy", "t": "latency_ms", "e": "energy_mj", "a": "area_mm2",
    "p": "params", "m": "macs", "c": "choices",
}  # fmt: skip


def caller_of(function: Any, columns: Iterable[str]) -> Callable[..., Any] | None:
    """Return what calls a function with a dict of these columns, to be compiled with it."""
    every: tuple[Callable[..., Any], ...] = (
        lambda g, t, p, m, c: function(
            {"nn_degree": g, "latency_ms": t, "params": p, "macs": m, "choices": c}
        ),
        lambda g, t, a, p, m, c: function(
            {"nn_degree": g, "latency_ms": t, "area_mm2": a, "params": p, "macs": m, "choices": c}
        ),
        lambda g, t, e, p, m, c: function(
            {"nn_degree": g, "latency_ms": t, "energy_mj": e, "params": p, "macs": m, "choices": c}
        ),
        lambda g, t, e, a, p, m, c: function(
            {
                "nn_degree": g,
                "latency_ms": t,
                "energy_mj": e,
                "area_mm2": a,
                "params": p,
                "macs": m,
                "choices": c,
            }
        ),
        lambda g, q, t, p, m, c: function(
            {"nn_degree": g, "accuracy": q, "latency_ms": t, "params": p, "macs": m, "choices": c}
        ),
        lambda g, q, t, a, p, m, c: function(
            {
                "nn_degree": g,
                "accuracy": q,
                "latency_ms": t,
                "area_mm2": a,
                "params": p,
                "macs": m,
                "choices": c,
            }
        ),
        lambda g, q, t, e, p, m, c: function(
            {
                "nn_degree": g,
                "accuracy": q,
                "latency_ms": t,
                "energy_mj": e,
                "params": p,
                "macs": m,
                "choices": c,
            }
        ),
        lambda g, q, t, e, a, p, m, c: function(
            {
                "nn_degree": g,
                "accuracy": q,
                "latency_ms": t,
                "energy_mj": e,
                "area_mm2": a,
                "params": p,
                "macs": m,
                "choices": c,
            }
        ),
    )
    names = tuple(columns)
    for one in every:
        if tuple(_NAMES[letter] for letter in one.__code__.co_varnames) == names:
            return one
    return None
