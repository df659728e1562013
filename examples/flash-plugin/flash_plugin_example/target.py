"""A target: what a made-up array of multipliers takes for a layer, as a function of it."""

from __future__ import annotations

import flash

SIDE = 16  # of the array, in multipliers
CLOCK_GHZ = 0.5


def cycles(layer: flash.Layer) -> float:
    """Return cycles of a layer: the array takes so many input and output channels at once."""
    if not layer.macs:
        return layer.numbers_written / SIDE
    into = layer.in_channels // layer.groups
    filled = -(-into // SIDE) * SIDE * -(-layer.out_channels // SIDE) * SIDE
    return layer.macs / (into * layer.out_channels) * filled / SIDE**2


def example_array() -> flash.Target:
    """Return the target; flash calls this when somebody first asks for it by name."""
    return flash.LayerTarget(
        lambda layer: cycles(layer) / (CLOCK_GHZ * 1e6),  # in milliseconds
        name="example-array",  # what it is registered by
        description=f"An example: {SIDE} x {SIDE} multipliers at {CLOCK_GHZ} GHz.",
    )
