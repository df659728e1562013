"""Pictures of a front: matplotlib, and plotly with the network under the mouse."""

from __future__ import annotations

from ..base.extras import require
from ..base.names import UNITS
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .front import ParetoFront

__all__ = ["draw", "figure_of", "save"]

LABELS = {
    "accuracy": "accuracy",
    "latency_ms": "latency [ms]",
    "energy_mj": "energy [mJ]",
    "area_mm2": "area [mm²]",
    "params": "parameters",
    "macs": "MACs",
}
MOST = 20_000  # points drawn: beyond it every so many


def draw(front: ParetoFront, engine: str) -> Any:
    """Return the figure of an engine."""
    if not len(front):
        raise ArgumentError(f"there is no point to plot: {front.message}")
    return _matplotlib(front) if engine == "matplotlib" else _plotly(front)


def save(front: ParetoFront, path: str) -> None:
    """Write a picture: .html by plotly, .png, .svg or .pdf by matplotlib; complete or not there."""
    from io import BytesIO

    from ..base.checks import write_bytes_atomic, write_text_atomic

    if path.endswith(".html"):
        write_text_atomic(path, draw(front, "plotly").to_html(include_plotlyjs=True))
        return
    buffer = BytesIO()
    draw(front, "matplotlib").savefig(buffer, format=path.rpartition(".")[2], dpi=150)
    write_bytes_atomic(path, buffer.getvalue())


def label(front: ParetoFront, name: str) -> str:
    if name == "accuracy" and not front.predicted:
        return "NN-Degree" if front.score_name == "nn_degree" else "quantised NN-Degree"
    return LABELS[name]


def _axes(front: ParetoFront) -> list[str]:
    """Return the objectives as across, up, colour and size: accuracy goes up."""
    names = list(front.objectives)
    up = "accuracy" if "accuracy" in names else names[0]
    names.remove(up)
    return [names[0], up, *names[1:]]


def _drawn(front: ParetoFront) -> Any:
    """Return the numbers of the points to draw, from left to right."""
    import numpy as np

    order = np.argsort(front.values(_axes(front)[0]), kind="stable")
    if len(order) > MOST:
        order = order[np.linspace(0, len(order) - 1, MOST).astype(int)]
    return order


def _title(front: ParetoFront) -> str:
    kind = "front" if front.exact else "front, partial" if not front.complete else "front within"
    within = f" {100 * front.epsilon:g} %" if kind == "front within" else ""
    where = front.target.name + ("" if front.chosen is None else " and its accelerators")
    points = f"{len(front):,} point" + "s" * (len(front) != 1)
    return f"{front.space.family} on {where}: {kind}{within}, {points}"


def _sizes(front: ParetoFront, name: str, some: Any) -> Any:
    """Return areas of markers from 6 to 60."""
    import numpy as np

    values = np.log(np.maximum(front.values(name)[some].astype(float), 1e-300))
    span = float(np.ptp(values))
    return 6.0 + 54.0 * ((values - values.min()) / span if span > 0.0 else 0.5 + 0.0 * values)


def figure_of(engine: str) -> Any:
    """Return an engine's class of figures; an error where it is not installed."""
    home = "plotly.graph_objects" if engine == "plotly" else "matplotlib.figure"
    return require(f"plot(engine={engine!r})", "plot", home).Figure


def _matplotlib(front: ParetoFront) -> Any:
    across, up, *rest = _axes(front)
    some = _drawn(front)
    figure = figure_of("matplotlib")(figsize=(7, 4.6), layout="constrained")
    axes = figure.add_subplot()
    x, y = front.values(across)[some], front.values(up)[some]
    if not rest:
        axes.step(x, y, where="post", linewidth=0.8, color="tab:blue")
        axes.scatter(x, y, s=8, color="tab:blue", label="front")
    else:
        drawn = axes.scatter(
            x,
            y,
            s=_sizes(front, rest[1], some) if len(rest) > 1 else 8,
            c=front.values(rest[0])[some],
            norm="log",
            cmap="viridis",
            label="front" + (f" (size: {label(front, rest[1])})" if len(rest) > 1 else ""),
        )
        figure.colorbar(drawn, ax=axes, label=label(front, rest[0]))
    k = front.knee_index
    axes.scatter(
        front.values(across)[k],
        front.values(up)[k],
        s=160,
        marker="*",
        color="tab:red",
        edgecolor="white",
        label="knee",
        zorder=3,
    )
    axes.set_xscale("log")
    axes.set(xlabel=label(front, across), ylabel=label(front, up), title=_title(front))
    axes.grid(alpha=0.3)
    axes.legend(loc="best")
    return figure


def _plotly(front: ParetoFront) -> Any:
    across, up, *rest = _axes(front)
    some = _drawn(front)
    marker: dict[str, Any] = {"size": 5}
    if rest:
        import numpy as np

        colour = front.values(rest[0])[some].astype(float)
        marker = {
            "size": np.sqrt(_sizes(front, rest[1], some)) * 1.8 if len(rest) > 1 else 6,
            "color": np.log10(np.maximum(colour, 1e-300)),
            "colorscale": "Viridis",
            "colorbar": {"title": f"log10 of {label(front, rest[0])}"},
        }
    figure = figure_of("plotly")()
    figure.add_scatter(
        x=front.values(across)[some],
        y=front.values(up)[some],
        mode="markers" if rest else "lines+markers",
        line={"shape": "hv", "width": 1},
        marker=marker,
        text=[_hover(front, i) for i in some.tolist()],
        hovertemplate="%{text}<extra></extra>",
        name="front",
    )
    k = front.knee_index
    figure.add_scatter(
        x=[front.values(across)[k]],
        y=[front.values(up)[k]],
        mode="markers",
        marker={"symbol": "star", "size": 16, "color": "crimson"},
        text=[_hover(front, k)],
        hovertemplate="knee<br>%{text}<extra></extra>",
        name="knee",
    )
    figure.update_layout(
        title=_title(front),
        xaxis={"title": label(front, across), "type": "log"},
        yaxis={"title": label(front, up)},
    )
    return figure


def _hover(front: ParetoFront, i: int) -> str:
    from ..results.screen import quantity

    architecture = front.architectures[i]
    lines = [f"point {i}"]
    for name, column in front.metrics.items():
        if name != "score":
            lines.append(f"{name} {quantity(column[i].item(), UNITS.get(name, ''))}")
    for number, cell in enumerate(architecture.cells):
        facts = ", ".join(f"{key} {value}" for key, value in cell.to_dict().items())
        if front.cell_bits is not None and front.cell_bits.shape[1]:
            facts += f", bits {front.cell_bits[i, number]}"
        lines.append(f"cell {number}: {facts}")
    if front.accelerators is not None:
        for part, values in front.accelerators[i]["values"].items():
            facts = ", ".join(f"{key} {value}" for key, value in values.items())
            lines.append(f"{part}: {facts}")
    return "<br>".join(lines)
