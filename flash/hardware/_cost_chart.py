"""Charts of a network's cost: its layers by time and energy, and under the roofs of the target."""

from __future__ import annotations

from ..charts.chart import Axis, Bars, Chart, Line, Panel, Points

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .costing import Cost, LayerCost

__all__ = ["chart_of", "panels_of"]

SHOWN = 24  # layers that are named: those that take longest
COLOURS = {"compute": 0, "memory": 1, "calls": 2, None: -2}
WORDS = {
    "compute": "bound by computing",
    "memory": "bound by memory",
    "calls": "bound by calls",
    None: "bound not told",
}
REST = 7  # colour of what is summed up
UNITS = {"latency_ms": ("time", "ms"), "energy_mj": ("energy", "mJ")}
LONG = 34  # letters of a layer's name
MILLION = 1e-6  # of MACs a ms are 1e-6 of 10^9 a second


def chart_of(cost: Cost, top: int) -> Chart:
    """Return the chart of ``cost.plot()``."""
    panels, notes = panels_of(cost, top)
    total = f"{cost.latency_ms:.4g} ms"
    if cost.energy_mj is not None:
        total += f", {cost.energy_mj:.4g} mJ"
    title = f"one image on {cost.target}: {total}" if cost.target else f"one image: {total}"
    shown = min(top, len(cost.by_layer)) + (len(cost.by_layer) > top)
    wide = 4.6 + 3.2 * (len(panels) - 1) + 1.6
    return Chart(title, panels, notes=notes, size=(wide, max(3.6, 1.6 + 0.2 * shown)))


def panels_of(cost: Cost, top: int = SHOWN) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """Return bars of each cost that belongs to layers, and the roofline where there is one."""
    every = cost.by_layer
    order = sorted(range(len(every)), key=lambda k: -every[k].latency_ms)
    if len(every) > top and all(not every[k].latency_ms for k in order[top:]):
        kept = sorted(k for k in order[:top])
        rest: list[int] = []
        free = len(every) - top
    else:
        kept, rest, free = sorted(order[:top]), sorted(order[top:]), 0
    notes: list[str] = []
    if rest:
        share = sum(every[k].share for k in rest)
        notes.append(
            f"the {len(kept)} layers that take longest; {len(rest):,} others are summed up: "
            f"{100.0 * share:.1f} % of the time"
        )
    if free:
        notes.append(f"{free:,} layers that take no time are left out")
    names = [_short(every[k].name) for k in kept] + [f"{len(rest):,} others"] * bool(rest)
    metrics = ["latency_ms"] + ["energy_mj"] * (cost.energy_mj is not None)
    panels = [
        _bars(every, kept, rest, metric, names if not number else [""] * len(names))
        for number, metric in enumerate(metrics)
    ]
    roofs = cost.roofs
    roofline = None if roofs is None else _roofline(every, roofs)
    if roofline is not None:
        panels.append(roofline)
    if roofs is not None and roofs["note"]:
        notes.append(roofs["note"])
    if roofs is not None and roofs["bits"] is not None:
        notes.append(
            f"bytes are those of numbers of {roofs['bits']} bits, as the target moves them"
        )
    return tuple(panels), tuple(notes)


def _short(name: str) -> str:
    return name if len(name) <= LONG else name[: LONG - 3] + "..."


def _bars(
    every: Sequence[LayerCost],
    kept: Sequence[int],
    rest: Sequence[int],
    metric: str,
    names: Sequence[str],
) -> Panel:
    word, unit = UNITS[metric]
    marks: list[Any] = []
    for bound, colour in COLOURS.items():
        some = [place for place, k in enumerate(kept) if every[k].bound == bound]
        if some:
            marks.append(
                Bars(
                    some,
                    [getattr(every[kept[place]], metric) or 0.0 for place in some],
                    name=WORDS[bound],
                    colour=colour,
                    flat=True,
                    how="over",
                    hover=[_told(every[kept[place]]) for place in some],
                )
            )
    if rest:
        total = sum(getattr(every[k], metric) or 0.0 for k in rest)
        bounds: dict[str | None, int] = {}
        for k in rest:
            bounds[every[k].bound] = bounds.get(every[k].bound, 0) + 1
        told = ", ".join(f"{count} {WORDS[bound]}" for bound, count in bounds.items())
        marks.append(
            Bars(
                [len(kept)],
                [total],
                name="all others together",
                colour=REST,
                flat=True,
                how="over",
                hover=[f"{len(rest):,} other layers: {total:.4g} {unit}\n{told}"],
            )
        )
    return Panel(
        marks,
        x=Axis(f"{word} of a layer", unit, limits=(0.0, None)),
        y=Axis("", categories=names, flipped=True),
        wide=1.25 if names[0] else 0.8,
    )


def _told(one: LayerCost) -> str:
    lines = [one.name, f"{one.latency_ms:.4g} ms, {100.0 * one.share:.1f} %"]
    if one.energy_mj is not None:
        lines.append(f"{one.energy_mj:.4g} mJ")
    lines.append(f"{one.macs:,} MACs, {one.bytes / 1024.0:,.1f} KiB moved")
    lines.append(WORDS[one.bound])
    return "\n".join(lines)


def _roofline(every: Sequence[LayerCost], roofs: dict[str, Any]) -> Panel | None:
    """Return what layers reach, over the MACs that they have for each byte that they move."""
    if not roofs["macs_per_ms"]:
        return None
    factor = 1.0 if roofs["bits"] is None else roofs["bits"] / 32.0
    some = [one for one in every if one.macs and one.bytes and one.latency_ms]
    if not some:
        return None
    at = {id(one): one.macs / (one.bytes * factor) for one in some}
    marks: list[Any] = []
    low, high = min(at.values()) / 1.5, max(at.values()) * 1.5
    speed = roofs["bytes_per_ms"]
    best = max(roofs["macs_per_ms"].values())
    if speed is not None:
        high = max(high, 2.0 * best / speed)
    for number, (name, rate) in enumerate(roofs["macs_per_ms"].items()):
        bend = low if speed is None else max(low, rate / speed)
        marks.append(
            Line(
                [bend, high],
                [rate * MILLION] * 2,
                name=f"{name}: {rate * MILLION:.3g}",
                colour=-1,
                dash=("solid", "dash", "dashdot", "longdash")[number % 4],
            )
        )
    if speed is not None:
        marks.append(
            Line(
                [low, best / speed],
                [low * speed * MILLION, best * MILLION],
                name=f"memory: {speed * MILLION:.3g} GB/s",
                colour=-1,
                dash="dot",
            )
        )
    for bound, colour in COLOURS.items():
        own = [one for one in some if one.bound == bound]
        if own:
            marks.append(
                Points(
                    [at[id(one)] for one in own],
                    [one.macs / one.latency_ms * MILLION for one in own],
                    name=WORDS[bound],
                    colour=colour,
                    hover=[_told(one) for one in own],
                )
            )
    return Panel(
        marks,
        x=Axis("MACs for each byte moved", log=True),
        y=Axis("reached", "10⁹ MACs/s", log=True),
        title="roofline",
    )
