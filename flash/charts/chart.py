"""A chart as plain data: axes, marks, panels. Two well-kept libraries draw it.

Objects describe what is to be seen; `Chart.matplotlib` and `Chart.plotly` draw the same from it.
So a legend's colours are those of its marks, logarithmic axes have numbers on them, units stand in
titles, and points that were left out are counted, whoever draws what::

    Chart("costs", [Panel([Points(x, y, "front")], Axis("latency", "ms", log=True), Axis("area"))])

Coordinates and values are sequences of numbers or arrays. What all marks have:

name : str
    In the legend; a chart of fewer than two names has none. Marks of one name have one colour.
colour : int or None
    A place in `flash.charts.palette`: symbol and dashes go with it, so that nothing is told by
    colour alone. `BLACK` and `GREY` are beside it. None: the next that is free, of its name.
hover : sequence of str, or callable(i) that returns one, or None
    What is shown under the mouse of point (bar, box) i; lines parted by newlines. A callable is
    asked for what is drawn alone.
keys : sequence of int or None
    What a click gives back, as plotly's `customdata`; by default the number of the point.
second : bool
    Measured along the panel's second vertical axis.
"""

from __future__ import annotations

from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, TypeAlias, overload

    from matplotlib.figure import Figure
    from plotly.graph_objects import Figure as PlotlyFigure

    Values: TypeAlias = Sequence[float] | Any  # or an array
    Keys: TypeAlias = Sequence[int] | Any | None
    Hover: TypeAlias = Sequence[str] | Callable[[int], str] | None
else:

    def overload(function):
        return function


__all__ = [
    "BLACK",
    "ENGINES",
    "GREY",
    "MOST",
    "Axis",
    "Band",
    "Bars",
    "Boxes",
    "Chart",
    "Intervals",
    "Line",
    "Links",
    "Mark",
    "Panel",
    "Parallel",
    "Points",
    "Rule",
    "Texts",
]

ENGINES = ("matplotlib", "plotly")
BLACK, GREY = -1, -2  # beside the palette
MOST = 5000  # points of a mark that are drawn


class Axis(Record):
    """One direction of a panel, or what colours or sizes show.

    Parameters
    ----------
    title, unit : str
        Shown as "latency [ms]".
    log : bool
        Logarithmic. Values that are not above 0 are not drawn then, which a note says; where none
        is, the axis is an ordinary one.
    categories : sequence of str or None
        Names that stand at 0, 1, 2 ... instead of numbers.
    limits : (float or None, float or None) or None
        Where it begins and ends; None: as the values ask for.
    whole : bool
        Ticks at integers alone.
    flipped : bool
        From the top down, or from right to left.
    hidden : bool
        No line, no numbers, no title: for drawings.
    """

    title: str = ""
    unit: str = ""
    log: bool = False
    categories: Sequence[str] | None = None
    limits: tuple[float | None, float | None] | None = None
    whole: bool = False
    flipped: bool = False
    hidden: bool = False

    @property
    def label(self) -> str:
        """The title with its unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


class Points(Record):
    """Points, of which those that would look the same are drawn once, and counted.

    Parameters
    ----------
    shade : sequence of float or None
        Values that are told by a colour bar instead of the palette, with `scale` as its axis.
    weight : sequence of float or None
        Values that the points' areas rise with, with `weights` as their axis; a note tells it.
    size : float
        Diameter in typographic points.
    symbol : str or None
        One of `flash.charts.palette.SYMBOLS`; None: the colour's.
    most : int
        Points drawn at most.
    """

    x: Values
    y: Values
    name: str = ""
    colour: int | None = None
    hover: Hover = None
    keys: Keys = None
    second: bool = False
    shade: Values | None = None
    scale: Axis | None = None
    weight: Values | None = None
    weights: Axis | None = None
    size: float = 4.5
    symbol: str | None = None
    most: int = MOST


class Line(Record):
    """A line through points; NaN parts it.

    Parameters
    ----------
    steps : {"", "after", "before"}
        As stairs: the value holds until the next point, or from the last one on.
    dash : str or None
        One of `flash.charts.palette.DASHES`; None: the colour's.
    width : float
        In typographic points.
    marked : bool
        Whether the points show, too.
    most : int
        Points drawn at most.
    """

    x: Values
    y: Values
    name: str = ""
    colour: int | None = None
    hover: Hover = None
    keys: Keys = None
    second: bool = False
    steps: str = ""
    dash: str | None = None
    width: float = 1.4
    marked: bool = False
    most: int = MOST


class Band(Record):
    """What lies between two curves, such as the middle half of some runs. `steps` as of `Line`."""

    x: Values
    low: Values
    high: Values
    name: str = ""
    colour: int | None = None
    second: bool = False
    steps: str = ""


class Intervals(Record):
    """From low to high at each place x; `flat` ones lie, at heights x."""

    x: Values
    low: Values
    high: Values
    name: str = ""
    colour: int | None = None
    hover: Hover = None
    keys: Keys = None
    second: bool = False
    flat: bool = False


class Bars(Record):
    """Bars, standing or `flat`.

    Parameters
    ----------
    places, lengths : sequence of float
        Where each stands, and how long it is.
    how : {"beside", "stacked", "over"}
        What happens to several of a panel at one place.
    width : float or sequence of float
        Along the axis on which they stand; of those beside each other together.
    start : sequence of float or None
        Where each begins, instead of 0.
    """

    places: Values
    lengths: Values
    name: str = ""
    colour: int | None = None
    hover: Hover = None
    keys: Keys = None
    second: bool = False
    flat: bool = False
    how: str = "beside"
    width: float | Values = 0.8
    start: Values | None = None


class Rule(Record):
    """A straight line across the panel at a value of y, or of x where it is `upright`."""

    at: float
    name: str = ""
    colour: int | None = BLACK
    upright: bool = False
    dash: str | None = "dot"


class Boxes(Record):
    """Rectangles, with a text in each; `hollow` ones have a dashed outline and nothing in it."""

    left: Values
    right: Values
    low: Values
    high: Values
    texts: Sequence[str] | None = None
    name: str = ""
    colour: int | None = None
    hover: Hover = None
    keys: Keys = None
    hollow: bool = False


class Links(Record):
    """Arcs from (x0, y0) to (x1, y1).

    Parameters
    ----------
    bend : float
        How far each lies from its chord, as a share of the chord's length: to its left (seen from
        its begin) where it is above 0.
    """

    x0: Values
    y0: Values
    x1: Values
    y1: Values
    name: str = ""
    colour: int | None = GREY
    bend: float = 0.0
    width: float = 0.8
    dash: str | None = None


class Texts(Record):
    """Words at places. `anchor`: which end of them stands there, "start", "middle" or "end"."""

    x: Values
    y: Values
    texts: Sequence[str]
    colour: int | None = BLACK
    anchor: str = "middle"
    size: float = 8.0
    second: bool = False


class Parallel(Record):
    """A line for each row through several upright axes, each with its own scale.

    It has a panel to itself.

    Parameters
    ----------
    axes : sequence of Axis
    columns : sequence of sequences of float
        The values on each axis, one for each row. On an axis with categories their numbers.
    shade : int
        The column that lines are coloured by.
    """

    axes: Sequence[Axis]
    columns: Sequence[Values]
    name: str = ""
    shade: int = 0
    most: int = 1000


Mark = Points | Line | Band | Intervals | Bars | Rule | Boxes | Links | Texts | Parallel


class Panel(Record):
    """Marks on common axes.

    Parameters
    ----------
    marks : sequence
        What is drawn later lies over what is drawn before.
    x, y : Axis
    second : Axis or None
        A second vertical axis, on the right.
    title : str
    wide : float
        Its width beside that of other panels of its row.
    equal : bool
        Whether a unit of x is as long as one of y.
    """

    marks: Sequence[Mark]
    x: Axis = Axis()
    y: Axis = Axis()
    second: Axis | None = None
    title: str = ""
    wide: float = 1.0
    equal: bool = False


class Chart(Record):
    """Panels side by side under a title; what there is to say of them below.

    Parameters
    ----------
    title : str
    panels : sequence of Panel
    columns : int or None
        Panels in a row; None: all.
    notes : sequence of str
        Lines below. What a renderer leaves out (points that would look the same) is said there by
        itself.
    size : (float, float) or None
        Width and height in inches; None: as the panels need.
    """

    title: str = ""
    panels: Sequence[Panel] = ()
    columns: int | None = None
    notes: Sequence[str] = ()
    size: tuple[float, float] | None = None

    @overload
    def draw(self, engine: Literal["matplotlib"] = "matplotlib") -> Figure: ...
    @overload
    def draw(self, engine: Literal["plotly"]) -> PlotlyFigure: ...  # noqa: F811
    @overload
    def draw(self, engine: str) -> Figure | PlotlyFigure: ...  # noqa: F811
    def draw(self, engine: str = "matplotlib") -> Figure | PlotlyFigure:  # noqa: F811
        """Return the figure of an engine: what each ``plot(engine)`` returns.

        Raises
        ------
        ArgumentError
            If there is no such engine.
        MissingExtraError
            If it is not installed.
        """
        from ..base.checks import choice

        choice("engine", engine, ENGINES)
        return self.matplotlib() if engine == "matplotlib" else self.plotly()

    def matplotlib(self) -> Figure:
        """Return a matplotlib Figure. It shows itself in a notebook."""
        from .by_matplotlib import figure_of

        figure: Figure = figure_of(self)
        return figure

    def plotly(self) -> PlotlyFigure:
        """Return a plotly Figure."""
        from .by_plotly import figure_of

        return figure_of(self)

    def fragment(self, name: str) -> str:
        """Return a part of a page that draws it by plotly, which the page loads itself.

        Parameters
        ----------
        name : str
            The id of its element.
        """
        from .by_plotly import fragment_of

        return fragment_of(self, name)

    def svg(self) -> str:
        """Return an <svg> element for a page: the same each time, its texts as text.

        Its ids are its own, it is as wide as there is room, names itself to readers of screens,
        and says what a point is under the mouse where there are few.
        """
        from .svg import svg_of

        return svg_of(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a picture (.png, .svg, .pdf) or a page (.html, by plotly).

        The file is either complete or not there. `flash.charts.files.check` tells before hours of
        work whether it will do.
        """
        from .files import save

        save(self, path)
