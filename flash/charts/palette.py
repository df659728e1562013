"""Colours, symbols and dashes that go together, told apart by the colour-blind and in grey.

The colours are those of Okabe and Ito (Color Universal Design, 2008), in an order in which
neighbours differ in lightness too, but for yellow, which is lost on white: a dark red and a brown
stand for it and for black.
"""

from __future__ import annotations

__all__ = [
    "DASHES",
    "HATCHES",
    "PALETTE",
    "SHADES",
    "SYMBOLS",
    "colour",
    "dash",
    "hatch",
    "pale",
    "symbol",
]

PALETTE = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # green
    "#882255",  # dark red
    "#56B4E9",  # sky blue
    "#D55E00",  # vermilion
    "#CC79A7",  # pink
    "#5C4B00",  # brown
)
BESIDE = {-1: "#1A1A1A", -2: "#8A8A8A"}  # black and grey
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "x", "cross", "star")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
# of what is filled: "" has none
HATCHES = ("", "/", "\\", ".", "x", "-", "|", "+")
PALE = 0.3
SHADES = "viridis"  # of values: its lightness rises from end to end


def colour(place: int) -> str:
    """Return a colour as #RRGGBB."""
    return BESIDE[place] if place < 0 else PALETTE[place % len(PALETTE)]


def pale(place: int) -> str:
    """Return a colour mixed with white, of what something is written on."""
    full = colour(place)
    return "#" + "".join(
        f"{round(255 - PALE * (255 - int(full[k : k + 2], 16))):02X}" for k in (1, 3, 5)
    )


def symbol(place: int) -> str:
    """Return the symbol of a colour."""
    return SYMBOLS[max(place, 0) % len(SYMBOLS)]


def dash(place: int) -> str:
    """Return the dashes of a colour: 40 pairs of the two are different."""
    return DASHES[max(place, 0) % len(DASHES)]


def hatch(place: int) -> str:
    """Return the hatching of a colour: 64 pairs of the two are different."""
    place = max(place, 0)
    return HATCHES[(place + place // len(PALETTE)) % len(HATCHES)]
