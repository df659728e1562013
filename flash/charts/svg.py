"""Charts as <svg> elements of a page: the same bytes each time, and a page may hold many."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from xml.etree.ElementTree import Element

    from .chart import Chart

__all__ = ["svg_of"]

MOST, WEIGHED = 2000, 1000  # points of a mark, and of one with weights: more make pages heavy
TOLD = 400  # points of a chart that say what they are
SVG = "http://www.w3.org/2000/svg"
LINK = "http://www.w3.org/1999/xlink"


def svg_of(chart: Chart) -> str:
    """Return a chart as an <svg> element."""
    from hashlib import sha256
    from io import StringIO
    from xml.etree import ElementTree

    from ..base.extras import require
    from .by_matplotlib import drawn, styled
    from .layout import laid

    chart = laid(chart, MOST if _plain_points(chart) else WEIGHED, TOLD)
    figure = drawn(chart)
    matplotlib = require("svg()", "plot", "matplotlib")
    with StringIO() as file:
        with styled(), matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "flash"}):
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        text = file.getvalue()
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", LINK)
    root = ElementTree.fromstring(text)
    own = sha256(text.encode()).hexdigest()[:8]
    _name(root, chart)
    _tell(root, chart)
    _own_ids(root, own)
    _short(root)
    return ElementTree.tostring(root, encoding="unicode")


def _plain_points(chart: Chart) -> bool:
    """Return whether all points of a mark are of one size: then they are written once."""
    return all(
        getattr(one, "weight", None) is None for panel in chart.panels for one in panel.marks
    )


def _short(root: Element) -> None:
    """Leave out digits that no screen shows."""
    import re

    for element in root.iter():
        for key in ("d", "x", "y", "x1", "x2", "y1", "y2", "points", "width", "height"):
            if key in element.attrib:
                element.set(key, re.sub(r"-?\d+\.\d{3,}", _rounded, element.attrib[key]))
                if key == "d":
                    element.set(key, " ".join(element.attrib[key].split()))


def _rounded(match: Any) -> str:
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def _name(root: Element, chart: Chart) -> None:
    """Say what it is, and make it as wide as there is room."""
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for element in root.iter():  # its rules would be the whole page's
        for style in element.findall(f"{{{SVG}}}style"):
            element.remove(style)
    root.attrib.pop("version", None)
    wide = float(root.attrib.pop("width").removesuffix("pt")) * 96.0 / 72.0
    root.attrib.pop("height")
    root.set("width", f"{wide:.0f}")
    root.set("style", "max-width:100%;height:auto;stroke-linejoin:round;stroke-linecap:butt")
    root.set("role", "img")
    panels = [f"{panel.y.label} against {panel.x.label}" for panel in chart.panels if panel.y.label]
    said = "; ".join(one for one in (chart.title, *panels, *chart.notes) if one)
    root.set("aria-label", said or "chart")


def _tell(root: Element, chart: Chart) -> None:
    """Write what points are where the mouse can ask for it, if they are few."""
    from .by_matplotlib import GID

    told: list[tuple[str, list[str]]] = [
        (f"{GID}{number}-{order}", hover)
        for number, panel in enumerate(chart.panels)
        for order, mark in enumerate(panel.marks)
        if (hover := getattr(mark, "hover", None))
    ]
    if not told:
        return
    groups = {one.get("id", ""): one for one in root.iter(f"{{{SVG}}}g")}
    for gid, hover in told:
        points = _points(groups.get(gid))
        if not points:
            points = [groups[name] for k in range(len(hover)) if (name := f"{gid}-{k}") in groups]
        if len(points) == len(hover):
            for point, text in zip(points, hover, strict=True):
                _title(point, text)


def _points(group: Element | None) -> list[Any]:
    """Return the elements of a group that are points, as matplotlib writes collections."""
    if group is None:
        return []
    inside = {f"{{{SVG}}}use", f"{{{SVG}}}path"}
    hidden = {id(one) for defs in group.iter(f"{{{SVG}}}defs") for one in defs.iter()}
    return [one for one in group.iter() if one.tag in inside and id(one) not in hidden]


def _title(element: Element, text: str) -> None:
    from xml.etree.ElementTree import Element

    title = Element(f"{{{SVG}}}title")
    title.text = text
    element.insert(0, title)


def _own_ids(root: Element, own: str) -> None:
    """Keep the ids that are referred to, under names that no other chart of the page has."""
    import re

    pattern = re.compile(r"url\(#([\w-]+)\)|^#([\w-]+)$")

    def link(value: str) -> str:
        return pattern.sub(lambda one: one[0].replace("#", f"#f{own}-"), value)

    values = [
        (element, key, value)
        for element in root.iter()
        for key, value in element.attrib.items()
        if "url(#" in value or key == f"{{{LINK}}}href"
    ]
    found = {one[1] or one[2] for _, _, value in values for one in pattern.finditer(value)}
    for element, key, value in values:
        element.set(key, link(value))
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in found:
            element.set("id", f"f{own}-{name}")
