"""The RRAM model fitted to NeuroSim's runs: their features and results, and the fit."""

from __future__ import annotations

import json
import sys
from math import isqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from fitting import features, fit_relative, named, read_table, summary

from flash.hardware.rram import FEATURES as NAMES
from flash.hardware.rram import grid_class

if TYPE_CHECKING:
    from fitting import Array, Mask

LEFT_OUT = "mobilenetv2"
COLUMNS = {
    "latency_ms": NAMES[1:8],
    "ic_latency_ms": ("bus_words",),
    "energy_mj": ("subarrays", "columns", "rows", "in_tiles", "out_tiles", "in_pes"),
    "ic_energy_mj": ("in_chip", "out_chip"),
    "area_mm2": ("tiles", "maps"),
}
MS, MJ, MM2 = 1e-6, 1e-9, 1e-6  # from ns, pJ, um2
N_FIT, N_SPLITS, SEED = 25, 40, 0
LAST_ROW = 32  # grids of the table: up to 1024 tiles
SHARES = np.linspace(0.0, 1.0, 21)

Cycles = dict[str, int]


def cycles(tile: int) -> Cycles:
    """Return how many tiles of 512 a word passes in one clock cycle; half as many twice as large.

    The runs place the second cycle between 21 and 23 rows, and between 23 and 26 columns.
    """
    return {"rows_per_cycle": 22 * 512 // tile, "cols_per_cycle": 24 * 512 // tile}


def link(tiles: int, which: int, passed: Cycles, **known: float) -> float:
    """Return a number of the chip's tile grid: 1 latency factor, 2 energy factor, 3 area."""
    names = ("latency_row_share", "energy_row_share", "area_mm2_const", "area_mm2_per_side")
    rows = isqrt(tiles - 1) + 1
    return grid_class(rows, -(-tiles // rows), {**dict.fromkeys(names, 0.0), **passed, **known})[
        which
    ]


def latency_factor(tiles: int, share: float, passed: Cycles) -> float:
    """Return f(T), `share` being the weight of the rows."""
    return link(tiles, 1, passed, latency_row_share=share)


def energy_factor(tiles: int, share: float, passed: Cycles) -> float:
    """Return h(T), `share` being the weight of the half columns that inputs cross."""
    return link(tiles, 2, passed, energy_row_share=share)


def grid_area(tiles: int, const: float, per_side: float, passed: Cycles) -> float:
    """Return a(T): a constant and the chip's bus and margin, in proportion to the grid's side."""
    return link(tiles, 3, passed, area_mm2_const=const, area_mm2_per_side=per_side)


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
        self.cycles = cycles(tile)
        self.names = [n["name"] for n in nets]
        place = {name: i for i, name in enumerate(self.names)}
        layers = [r for r in read_table(folder, stem + "_layers") if r["name"] in place]
        size = [[int(r[c]) for c in ("Cin", "k", "Cout", "H", "W", "stride")] for r in layers]
        self.layers = [  # in channels, kernel, out channels, positions; H and W are padded
            (cin, k, cout, ((h - k) // s + 1) * ((w - k) // s + 1))
            for cin, k, cout, h, w, s in size
        ]
        self.net = np.array([place[r["name"]] for r in layers])
        shapes = [(0, k, cin, cout, 1, p, 1) for cin, k, cout, p in self.layers]
        self.x = features("rram", shapes, (tile, tile))
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

    def columns(self, column: str) -> Array:
        """Return the features of one column of the model, shape (layers, features)."""
        return np.asarray(self.x[:, [NAMES.index(n) for n in COLUMNS[column]]])

    def total(self, values: Array) -> Array:
        """Sum a column over the layers of each network."""
        return np.asarray(np.bincount(self.net, values, len(self.names)), float)

    def check_rules(self) -> None:
        """Refuse data in which the tiling rules do not reproduce every row."""
        positions = np.array([shape[3] for shape in self.layers])
        tiles = self.x[:, NAMES.index("tiles")]
        if (tiles != self.layer_tiles).any() or (self.total(tiles) != self.tiles).any():
            sys.exit("the rule for tiles does not reproduce the data")
        if (positions / self.x[:, NAMES.index("adc_cycles")] != self.dup).any():
            sys.exit("the rule for weight duplication does not reproduce the data")


def fit_linked(
    runs: Runs, use: Mask, y: Array, local: str, linked: str, factor: Any, shares: Array
) -> tuple[Array, Array, float]:
    """Fit ``y = local columns + factor(T, share) * linked columns`` on the layers of ``use``.

    A layer of one position is left out: it is less than 0.1 % of its network, and the rounding to
    whole words makes half of it. Returns both vectors of coefficients and the share.
    """
    at = use[runs.net] & (runs.x[:, NAMES.index("adc_cycles")] * runs.dup > 1)
    best: tuple[float, Array, float] | None = None
    for share in shares:
        f = np.array([factor(int(t), float(share), runs.cycles) for t in runs.tiles])[runs.net]
        a = np.hstack([runs.columns(local), f[:, None] * runs.columns(linked)])
        x = fit_relative(a[at], y[at])
        error = float(np.sqrt(((a[at] @ x / y[at] - 1) ** 2).mean()))
        if best is None or error < best[0]:
            best = error, x, float(share)
    assert best is not None
    n = len(COLUMNS[local])
    return best[1][:n], best[1][n:], best[2]


class Model:
    """The coefficients of one set, in the simulator's units (ns, pJ, um2)."""

    def __init__(self, runs: Runs, use: Mask, *, with_grid: bool = True) -> None:
        def flat(tiles: int, share: float, passed: Cycles) -> float:
            return 1.0

        f, h = (latency_factor, energy_factor) if with_grid else (flat, flat)
        shares = SHARES if with_grid else SHARES[:1]
        self.f, self.h, self.with_grid = f, h, with_grid
        self.l0, self.ic, self.f_share = fit_linked(
            runs, use, runs.latency, "latency_ms", "ic_latency_ms", f, shares
        )
        self.d0, self.dic, self.h_share = fit_linked(
            runs, use, runs.energy, "energy_mj", "ic_energy_mj", h, shares
        )
        power = (runs.tiles * runs.total_latency)[use, None].astype(float)
        self.leak = float(fit_relative(power, runs.total_leak[use])[0])  # mW per tile
        area = fit_relative(self.area_columns(runs)[use], runs.area[use])
        self.a0, self.const, self.side = area[:-2], float(area[-2]), float(area[-1])

    def area_columns(self, runs: Runs) -> Array:
        """Return the sums of the area's features, a constant and the grid's side."""
        sums = [runs.total(c) for c in runs.columns("area_mm2").T]
        side = np.array([grid_area(int(t), 0.0, 1.0, runs.cycles) for t in runs.tiles])
        return np.stack([*sums, np.ones(len(side)), side * self.with_grid], axis=1)

    def totals(self, runs: Runs) -> dict[str, Array]:
        """Return what the model predicts for every network."""
        f = np.array([self.f(int(t), self.f_share, runs.cycles) for t in runs.tiles])
        h = np.array([self.h(int(t), self.h_share, runs.cycles) for t in runs.tiles])
        latency = runs.total(runs.columns("latency_ms") @ self.l0)
        latency = latency + f * runs.total(runs.columns("ic_latency_ms") @ self.ic)
        dynamic = runs.total(runs.columns("energy_mj") @ self.d0)
        dynamic = dynamic + h * runs.total(runs.columns("ic_energy_mj") @ self.dic)
        leak = self.leak * runs.tiles * latency
        area = self.area_columns(runs) @ np.append(self.a0, [self.const, self.side])
        return {
            "area_mm2": area / runs.area,
            "energy_mj": (dynamic + leak) / (runs.total_dynamic + runs.total_leak),
            "latency_ms": latency / runs.total_latency,
            "dynamic energy": dynamic / runs.total_dynamic,
            "leakage energy": leak / runs.total_leak,
            "energy, leakage dropped": dynamic / (runs.total_dynamic + runs.total_leak),
        }

    def layer_errors(self, runs: Runs) -> dict[str, dict[str, float]]:
        """Return the errors of single convolutions: latency and dynamic energy."""
        f = np.array([self.f(int(t), self.f_share, runs.cycles) for t in runs.tiles])[runs.net]
        h = np.array([self.h(int(t), self.h_share, runs.cycles) for t in runs.tiles])[runs.net]
        latency = runs.columns("latency_ms") @ self.l0
        latency = latency + f * (runs.columns("ic_latency_ms") @ self.ic)
        energy = runs.columns("energy_mj") @ self.d0
        energy = energy + h * (runs.columns("ic_energy_mj") @ self.dic)
        conv = runs.x[:, NAMES.index("adc_cycles")] * runs.dup > 1
        return {
            "latency_ms": summary((latency / runs.latency - 1)[conv]),
            "dynamic energy": summary((energy / runs.energy - 1)[conv]),
        }

    def coefficients(self) -> dict[str, dict[str, float]]:
        """Return the named coefficients in the target's units."""
        parts = zip(COLUMNS, (self.l0, self.ic, self.d0, self.dic, self.a0), strict=True)
        units = (MS, MS, MJ, MJ, MM2)
        return {c: named(COLUMNS[c], v, u) for (c, v), u in zip(parts, units, strict=True)}

    def links(self, passed: Cycles) -> dict[str, Any]:
        """Return the tables over the tile grid and the leakage power."""
        bound = [t for r in range(1, LAST_ROW + 1) for t in (r * (r - 1), r * r) if t > 0]

        def table(values: list[float]) -> list[float]:
            return [float(f"{v:.12g}") for v in values]

        area = (self.const * MM2, self.side * MM2)
        return {
            "grid": {
                "tiles_max": bound,
                "latency_factor": table([self.f(t, self.f_share, passed) for t in bound]),
                "energy_factor": table([self.h(t, self.h_share, passed) for t in bound]),
                "area_mm2": table([grid_area(t, *area, passed) for t in bound]),
            },
            "beyond": {  # the same formulas go on
                **passed,
                "latency_row_share": round(self.f_share, 6),
                "energy_row_share": round(self.h_share, 6),
                "area_mm2_const": float(f"{area[0]:.12g}"),
                "area_mm2_per_side": float(f"{area[1]:.12g}"),
            },
            "leakage_w_per_tile": float(f"{self.leak * 1e-3:.12g}"),
        }


def to_fit(runs: Runs) -> int:
    """Return how many networks to fit: 25, or where there are few, all but five."""
    return min(N_FIT, len(runs.names) - 5)
