"""The RRAM model of NeuroSim's runs: their features and results, the structure, and the fit.

The structure of the bus, of leakage and of the area was worked out on the runs (see
flash/hardware/rram.py); its constants are the simulator's and stand in `STRUCTURE`. Fitted are the
latency and the energy of a layer on its tiles, and, where NeuroSim's own floorplanner chooses a bus
for each network, what that bus costs in the mean.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from fitting import features, named, read_table, summary

from flash.hardware.rram import BETWEEN, FEATURES, grid_of, links

if TYPE_CHECKING:
    from fitting import Array, Mask

LEFT_OUT = "mobilenetv2"
NAMES = FEATURES[: -len(BETWEEN)]  # a mesh's are not the simulator's
COLUMNS = {
    "latency_ms": NAMES[1:8],
    "bus_in_ms": ("in_words",),
    "bus_out_ms": ("out_words",),
    "energy_mj": (
        *("subarrays", "columns", "rows", "roots", "image"),
        *("in_tiles", "out_tiles", "in_pes"),
    ),
    "bus_in_mj": ("in_chip",),
    "bus_out_mj": ("out_chip",),
    "area_mm2": ("tiles",),
    "peak_mm2": ("buffers", "tile_rows"),
}
MS, MJ, MM2 = 1e-6, 1e-9, 1e-6  # from ns, pJ, um2
N_FIT, N_SPLITS, SEED = 25, 40, 0
CYCLE_NS = 1.66336
BUS_BITS, NUMBER_BITS = 1024, 8
# Of the simulator, by the side of a tile; None: fitted, in the mean of the buses that its own
# floorplanner chooses.
STRUCTURE: dict[int, dict[str, Any]] = {
    512: {
        "cycles_per_tile": 0.0996054,  # side of a tile x delay of the repeaters x clock
        "word_ns": CYCLE_NS * NUMBER_BITS / BUS_BITS,  # of a number, for each cycle
        "bus_pj": (0.105529, 0.293139),  # of a number, for each tile that it passes
        "leak_mw": 3.08872e-3,  # of a tile
        "leak_step": 0.36079 / 3.08872,  # more of it for each further row of subarrays
        "tile_um2": 570305.0,
        "grid_um2": {"const": 3448.0, "per_row": 119067.0 + 42304.0, "per_col": 119067.0},
        "peak_um2": (20408.0, 1853.0),
    },
    1024: {
        "cycles_per_tile": 0.197884,
        "word_ns": None,
        "bus_pj": None,
        "leak_mw": 11.5455e-3,
        "leak_step": 0.7216 / 11.5455,
        "tile_um2": None,
        "grid_um2": None,
        "peak_um2": None,
    },
}
LAYER_WEIGHT = 0.03  # of a layer's relative residual of energy beside its network's


class Runs:
    """One set of simulated networks: features and results, by layer and by network.

    tile: in cells; networks on other tiles are passed over.
    """

    def __init__(self, folder: str, stem: str, tile: int = 512) -> None:
        nets = [
            n
            for n in read_table(folder, stem + "_nets")
            if n["family"] != LEFT_OUT and float(n["tile_cm"]) == tile
        ]
        self.tile, self.structure = tile, STRUCTURE[tile]
        self.names = [n["name"] for n in nets]
        place = {name: i for i, name in enumerate(self.names)}
        layers = [r for r in read_table(folder, stem + "_layers") if r["name"] in place]
        size = [[int(r[c]) for c in ("Cin", "k", "Cout", "H", "W", "stride")] for r in layers]
        self.layers = [  # in channels, kernel, out channels, positions; H and W are padded
            (cin, k, cout, ((h - k) // s + 1) * ((w - k) // s + 1))
            for cin, k, cout, h, w, s in size
        ]
        self.net = np.array([place[r["name"]] for r in layers])
        shapes = [
            (0, k, cin, cout, 1, p, 1, k, p, 1, h * w, h * w)
            for (cin, k, cout, p), (_, _, _, h, w, _) in zip(self.layers, size, strict=True)
        ]
        self.x = features("rram", shapes, (tile, tile))[:, : len(NAMES)]
        self.latency = np.array([float(r["latency_ns"]) for r in layers])
        self.energy = np.array([float(r["dyn_energy_pJ"]) for r in layers])
        self.dup = np.array([float(r["speedup"]) for r in layers])
        self.layer_tiles = np.array([float(r["tiles"]) for r in layers])

        def of_nets(column: str) -> Array:
            return np.array([float(n[column]) for n in nets])

        self.tiles = of_nets("n_tiles").astype(int)
        self.total_latency = of_nets("latency_ns")
        self.total_dynamic = of_nets("dyn_energy_pJ")
        self.total_leak = of_nets("leak_energy_pJ")
        self.area = of_nets("area_um2")
        self.macs = of_nets("macs")
        seen: dict[str, int] = {}
        lists = [
            json.dumps([size[j] for j in np.flatnonzero(self.net == i)]) for i in place.values()
        ]
        # Networks of equal layer lists must not be on both sides of a split.
        self.groups = [seen.setdefault(text, i) for i, text in enumerate(lists)]
        self.leak_steps = np.array([self._steps(*one[:3]) for one in self.layers])
        grids = [grid_of(int(t)) for t in self.tiles]
        classes = links(
            {
                "cycles_per_tile": self.structure["cycles_per_tile"],
                "leak_out": 1.0,
                "grid_area_mm2": dict.fromkeys(("const", "per_row", "per_col"), 0.0),
                "leakage_w_per_tile": 0.0,
                "leakage_step": 0.0,
            }
        )["classes"]
        # of each network: rows and columns, and the class factors of inputs and outputs
        self.grid = np.array(grids, float)
        # grids of equal sides and of one column less take turns
        self.factor = np.array([classes[rows + cols - 2][1:5] for rows, cols in grids])

    def _steps(self, cin: int, k: int, cout: int) -> int:
        """Return by how many steps a layer leaks more: see rram_features in the core."""
        element, inside = self.tile // 2, self.tile // 256
        rows, cols = k * k * cin, 8 * cout
        deep = -(-rows // 128) - (-(-rows // element) - 1) * inside
        copies = 1
        for used, room in (
            *((-(-rows // element), 2), (-(-cols // element), 2)),
            *((-(-rows // 128), inside), (-(-cols // 128), inside)),
        ):
            copies *= max(1, room // used)
        return 2 ** ((inside if copies == 16 else deep).bit_length() - 1) - 1

    def columns(self, column: str) -> Array:
        """Return the features of one column of the model, shape (layers, features)."""
        return np.asarray(self.x[:, [NAMES.index(n) for n in COLUMNS[column]]])

    def total(self, values: Array) -> Array:
        """Sum a column over the layers of each network."""
        return np.asarray(np.bincount(self.net, values, len(self.names)), float)

    def largest(self, values: Array) -> Array:
        """Return the greatest of a column among the layers of each network."""
        result = np.zeros(len(self.names))
        np.maximum.at(result, self.net, values)
        return result

    def check_rules(self) -> None:
        """Refuse data in which the tiling rules do not reproduce every row."""
        positions = np.array([shape[3] for shape in self.layers])
        tiles = self.x[:, NAMES.index("tiles")]
        if (tiles != self.layer_tiles).any() or (self.total(tiles) != self.tiles).any():
            sys.exit("the rule for tiles does not reproduce the data")
        if (positions / self.x[:, NAMES.index("adc_cycles")] != self.dup).any():
            sys.exit("the rule for weight duplication does not reproduce the data")


def non_negative(a: Array, b: Array) -> Array:
    """Return the least squares solution without negative numbers."""
    from scipy.optimize import nnls

    scale = np.sqrt((a * a).mean(axis=0))
    scale[scale == 0] = 1.0
    return np.asarray(nnls(a / scale, b)[0] / scale)


class Model:
    """The coefficients of one set, in the simulator's units (ns, pJ, um2)."""

    def __init__(self, runs: Runs, use: Mask) -> None:
        self.known = runs.structure
        self._fit_latency(runs, use)
        self._fit_energy(runs, use)
        self._fit_area(runs, use)

    def _bus(self, runs: Runs, column: str) -> Array:
        """Return the bus features of the layers times their class factors, inputs and outputs."""
        unit = {"ms": 0, "mj": 2}[column]
        far = runs.factor[runs.net, unit] * runs.columns(f"bus_in_{column}")[:, 0]
        near = runs.factor[runs.net, unit + 1] * runs.columns(f"bus_out_{column}")[:, 0]
        return np.stack([far, near], axis=1)

    def _fit_latency(self, runs: Runs, use: Mask) -> None:
        """Fit to layers. One of a single position is left out: it is less than 0.1 % of its
        network, and the rounding to whole words makes half of it."""
        at = use[runs.net] & (runs.x[:, NAMES.index("adc_cycles")] * runs.dup > 1)
        own, bus, y = runs.columns("latency_ms"), self._bus(runs, "ms"), runs.latency
        word = self.known["word_ns"]
        if word is None:
            both = np.hstack([own, bus.sum(axis=1, keepdims=True)])
            found = non_negative(both[at] / y[at, None], np.ones(at.sum()))
            self.l0, word = found[:-1], float(found[-1])
        else:
            left = 1.0 - word * bus.sum(axis=1) / y
            self.l0 = non_negative(own[at] / y[at, None], left[at])
        self.word = np.array([word, word])

    def latencies(self, runs: Runs) -> Array:
        """Return the latency of each layer in ns."""
        return np.asarray(runs.columns("latency_ms") @ self.l0 + self._bus(runs, "ms") @ self.word)

    def leaking(self, runs: Runs) -> Array:
        """Return the latency of each layer, more where it leaks more."""
        return self.latencies(runs) * (1.0 + self.known["leak_step"] * runs.leak_steps)

    def _fit_energy(self, runs: Runs, use: Mask) -> None:
        """Fit to networks and, with less weight, to layers; what the layer's own tiles would leak
        while it works is taken off, since the model lets all tiles leak."""
        at = use[runs.net] & (runs.x[:, NAMES.index("adc_cycles")] * runs.dup > 1)
        own, bus = runs.columns("energy_mj"), self._bus(runs, "mj")
        y = runs.energy - self.known["leak_mw"] * runs.layer_tiles * self.leaking(runs)
        whole = runs.total(runs.energy)
        pj = self.known["bus_pj"]
        if pj is None:
            own = np.hstack([own, bus])
        else:
            y = y - bus @ np.array(pj)
        wanted = np.append(LAYER_WEIGHT * (y / runs.energy)[at], (runs.total(y) / whole)[use])
        rows = LAYER_WEIGHT * (own / runs.energy[:, None])[at]
        nets = np.stack([runs.total(c) for c in own.T], axis=1) / whole[:, None]
        found = non_negative(np.vstack([rows, nets[use]]), wanted)
        self.pj = np.array(pj) if pj is not None else found[-2:]
        self.d0 = found if pj is not None else found[:-2]

    def _fit_area(self, runs: Runs, use: Mask) -> None:
        known = self.known
        if known["tile_um2"] is not None:
            # The chip has the buffers of one layer and the rows of another; the model has one
            # maximum, of their sum. What that lacks grows with the grid.
            self.tile, self.grid = known["tile_um2"], dict(known["grid_um2"])
            self.peak = np.array(known["peak_um2"])
            parts = runs.columns("peak_mm2") * self.peak
            lacks = sum(runs.largest(part) for part in parts.T) - runs.largest(parts.sum(axis=1))
            weights = runs.grid[:, :1] / runs.area[:, None]
            self.grid["per_row"] += float(non_negative(weights[use], (lacks / runs.area)[use])[0])
            return
        rows, cols = runs.grid.T
        blocks = runs.largest(runs.columns("peak_mm2")[:, 0])
        a = np.stack([runs.tiles.astype(float), np.ones(len(rows)), rows + cols, blocks], axis=1)
        tile, const, side, block = non_negative(
            a[use] / runs.area[use, None], np.ones(int(use.sum()))
        )
        self.tile, self.peak = float(tile), np.array([block, 0.0])
        self.grid = {"const": float(const), "per_row": float(side), "per_col": float(side)}

    def totals(self, runs: Runs) -> dict[str, Array]:
        """Return predictions over what the simulator says, of every network."""
        latency = runs.total(self.latencies(runs))
        dynamic = runs.total(runs.columns("energy_mj") @ self.d0 + self._bus(runs, "mj") @ self.pj)
        leak = self.known["leak_mw"] * runs.tiles * runs.total(self.leaking(runs))
        rows, cols = runs.grid.T
        area = self.tile * runs.tiles + runs.largest(runs.columns("peak_mm2") @ self.peak)
        area = area + self.grid["const"] + self.grid["per_row"] * rows + self.grid["per_col"] * cols
        return {
            "area_mm2": area / runs.area,
            "energy_mj": (dynamic + leak) / (runs.total_dynamic + runs.total_leak),
            "latency_ms": latency / runs.total_latency,
            "energy, leakage dropped": dynamic / (runs.total_dynamic + runs.total_leak),
        }

    def layer_errors(self, runs: Runs) -> dict[str, dict[str, float]]:
        """Return the errors of single convolutions: latency and energy without leakage."""
        energy = runs.columns("energy_mj") @ self.d0 + self._bus(runs, "mj") @ self.pj
        energy = energy + self.known["leak_mw"] * runs.layer_tiles * self.leaking(runs)
        conv = runs.x[:, NAMES.index("adc_cycles")] * runs.dup > 1
        return {
            "latency_ms": summary((self.latencies(runs) / runs.latency - 1)[conv]),
            "dynamic energy": summary((energy / runs.energy - 1)[conv]),
        }

    def coefficients(self) -> dict[str, dict[str, float]]:
        """Return the named coefficients in the target's units."""
        values = {
            "latency_ms": (self.l0, MS),
            "bus_in_ms": (self.word[:1], MS),
            "bus_out_ms": (self.word[1:], MS),
            "energy_mj": (self.d0, MJ),
            "bus_in_mj": (self.pj[:1], MJ),
            "bus_out_mj": (self.pj[1:], MJ),
            "area_mm2": (np.array([self.tile]), MM2),
            "peak_mm2": (self.peak, MM2),
        }
        return {column: named(COLUMNS[column], *values[column]) for column in COLUMNS}

    def links(self, runs: Runs) -> dict[str, Any]:
        """Return the links of the target: grid, leakage."""
        words = self._bus(runs, "ms")[:, 1]
        more = float((words * runs.leak_steps).sum() / words.sum())
        return {
            "cycles_per_tile": self.known["cycles_per_tile"],
            "grid_area_mm2": {k: float(f"{v * MM2:.12g}") for k, v in self.grid.items()},
            "leakage_w_per_tile": float(f"{self.known['leak_mw'] * 1e-3:.12g}"),
            "leakage_step": float(f"{self.known['leak_step']:.12g}"),
            "leak_out": float(f"{1.0 + self.known['leak_step'] * more:.6g}"),
        }


def to_fit(runs: Runs) -> int:
    """Return how many networks to fit: 25, or where there are few, all but five."""
    return min(N_FIT, len(runs.names) - 5)
