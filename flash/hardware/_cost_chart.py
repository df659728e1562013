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
    shown = min(top, len(cost.by_layer))
    wide = 1.8 + 3.6 * sum(one.wide for one in panels)
    return Chart(title, panels, notes=notes, size=(wide, max(3.6, 1.6 + 0.2 * shown)))


def panels_of(cost: Cost, top: int = SHOWN) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """Return bars of each cost that belongs to layers, and the roofline where there is one."""
    every = cost.by_layer
    costly = [k for k, one in enumerate(every) if one.latency_ms or one.energy_mj]
    kept = sorted(sorted(costly, key=lambda k: -every[k].latency_ms)[:top])
    rest = sorted({*costly} - {*kept})
    notes: list[str] = []
    panels: list[Panel] = []
    metrics = ["latency_ms"] + ["energy_mj"] * (cost.energy_mj is not None)
    if rest:
        time = sum(every[k].latency_ms for k in rest)
        share = sum(every[k].share for k in rest)
        notes.append(
            f"named are the {len(kept)} layers that take longest; the {len(rest):,} others take "
            f"{time:.4g} ms together, {100.0 * share:.1f} %"
        )
    if len(costly) < len(every):
        notes.append(f"{len(every) - len(costly):,} layers that take nothing have no bar")
    bounds = {one.bound for one in every if one.latency_ms}
    if len(bounds) == 1:  # a legend of one name is none
        notes.append(f"all of them {WORDS[bounds.pop()]}")
    names = [_short(every[k].name) for k in kept]
    for number, metric in enumerate(metrics):
        panels.append(_bars(every, kept, metric, names if not number else [""] * len(names)))
    if rest:
        panels.append(_bars(every, range(len(every)), "latency_ms", None))
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
    every: Sequence[LayerCost], kept: Sequence[int], metric: str, names: Sequence[str] | None
) -> Panel:
    """Return the bars of some layers: lying with their names, or without them in their order."""
    word, unit = UNITS[metric]
    marks: list[Any] = []
    for bound, colour in COLOURS.items():
        some = [place for place, k in enumerate(kept) if every[k].bound == bound]
        values = [getattr(every[kept[place]], metric) or 0.0 for place in some]
        if any(values):
            marks.append(
                Bars(
                    some,
                    values,
                    name=WORDS[bound],
                    colour=colour,
                    flat=names is not None,
                    how="over",
                    hover=[_told(every[kept[place]]) for place in some],
                )
            )
    costs = Axis(f"{word} of a layer", unit, limits=(0.0, None))
    if names is None:
        return Panel(
            marks,
            x=Axis("layer", whole=True),
            y=costs,
            title=f"all {len(every):,} layers",
            wide=1.3,
        )
    return Panel(
        marks, x=costs, y=Axis(categories=names, flipped=True), wide=1.25 if names[0] else 0.8
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
                name=f"{name}: {rate * MILLION:.3g} 10⁹ MACs/s",
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
