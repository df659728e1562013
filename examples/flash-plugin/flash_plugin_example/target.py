"""A target: flash's systolic array at another clock. Any kind of cost model can be had so."""

from __future__ import annotations

import flash

CLOCK_GHZ = 0.5


def example_array() -> flash.Target:
    """Return the target; flash calls this when somebody first asks for it by name."""
    data = flash.Target.load("systolic-128").to_dict()
    data["name"] = "example-array"  # what it is registered by
    data["description"] = f"An example: 128 x 128 processing elements at {CLOCK_GHZ} GHz."
    data["parameters"]["clock_ghz"] = CLOCK_GHZ
    data["coefficients"] = {"default": {"latency_ms": {"cycles_os": 1e-6 / CLOCK_GHZ}}}
    data["calibrated_ranges"] = {"default": {"network": {}, "layer": {}}}  # it was never measured
    for key in ("residuals", "provenance", "design"):
        del data[key]
    return flash.Target.from_dict(data, "example-array")
