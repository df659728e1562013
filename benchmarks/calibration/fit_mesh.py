"""Fit the waits of packets on a mesh to BookSim's runs, and write the target rram-mesh.

    python benchmarks/calibration/fit_mesh.py booksim_mesh.csv --out flash/data

The three numbers of flash/hardware/mesh.py are found by least squares of relative errors
(smoothed: runs next to saturation count little). The target is rram's without its bus: what
layers take on their tiles is as NeuroSim's runs gave it, what lies between layers is the mesh's.
"""

from __future__ import annotations

import argparse
import copy
import csv
import datetime
import math
from pathlib import Path
from typing import Any

from fitting import write_json

from flash.hardware import Target, mesh

# Links: a number of 8 bits crosses a tile for this on the simulator's bus, a flit has four.
NUMBER_PJ = 0.105529
# Routers: ISAAC (Shafiee et al., ISCA 2016), table of a tile at 32 nm and 1 GHz: a router of 32-bit
# flits and 8 ports takes 42 mW and 0.151 mm2. From memory, not confirmed.
ROUTER_MW, ROUTER_MM2, ROUTER_PORTS, ROUTER_NM = 42.0, 0.151, 8, 32.0
PORTS = 5  # four neighbours and the tile


def rows_of(path: str) -> list[dict[str, Any]]:
    """Return the runs that did not saturate."""
    with Path(path).open(encoding="utf-8") as file:
        return [
            {
                "side": int(row["k"]),
                "traffic": row["traffic"],
                "rate": float(row["injection_rate_pkt_per_node_cycle"]),
                "flits": int(row["packet_size_flits"]),
                "latency": float(row["pkt_latency_avg"]),
            }
            for row in csv.DictReader(file)
            if row["unstable"] == "False"
        ]


def predicted(row: dict[str, Any], link: float, exit_: float, share: float) -> float:
    """Return the model's latency of a run."""
    return mesh.packet_latency(
        *(row["side"], row["traffic"], row["rate"], row["flits"]),
        link=link,
        exit_=exit_,
        share=share,
    )


def fitted(rows: list[dict[str, Any]]) -> tuple[float, float, float]:
    """Return link, exit and share of the least errors."""
    from scipy.optimize import least_squares

    def off(x: Any) -> list[float]:
        return [math.log(predicted(row, *x) / row["latency"]) for row in rows]

    start, ends = (1.6, 0.4, 0.8), ([0.0, 0.0, 0.0], [4.0, 4.0, 2.0])
    found = least_squares(off, start, bounds=ends, loss="soft_l1", f_scale=0.02)
    link, exit_, share = (round(float(one), 4) for one in found.x)
    return link, exit_, share


def target(date: str) -> dict[str, Any]:
    """Return the target's file."""
    base = Target.load("rram")
    data = copy.deepcopy(base.to_dict())
    for key in ("intervals", "residuals", "ablation", "design", "tiles"):
        data.pop(key, None)
    technology = float(base.parameters["technology_nm"])  # type: ignore[index]
    shrink = technology / ROUTER_NM
    flit = mesh.FLIT_BITS / mesh.ACTIVATION_BITS
    link_mj = NUMBER_PJ * flit * 1e-9
    router_mj = ROUTER_MW / ROUTER_PORTS / (mesh.CLOCK_HZ / 1e9) * shrink * 1e-9
    router_mm2 = ROUTER_MM2 * PORTS / ROUTER_PORTS * shrink**2
    own = data["parameters"]
    own.pop("structure", None)
    own.pop("bus_bits", None)
    own["interconnect"] = "mesh"
    own["mesh"] = {
        "activation_bits": mesh.ACTIVATION_BITS,
        "flit_bits": mesh.FLIT_BITS,
        "frames_per_s": mesh.FRAMES_PER_S,
        "clock_hz": mesh.CLOCK_HZ,
        "link_cycles": mesh.LINK,
        "exit_cycles": mesh.EXIT,
        "share": mesh.SHARE,
        "most_load": mesh.MOST_LOAD,
    }
    for columns in data["coefficients"].values():
        for column in [one for one in columns if one.startswith("bus_")]:
            del columns[column]
        columns["latency_ms"]["mesh_cycles"] = 1e3 / mesh.CLOCK_HZ
        columns["energy_mj"]["mesh_links"] = float(f"{link_mj:.6g}")
        columns["energy_mj"]["mesh_routers"] = float(f"{router_mj:.6g}")
        columns["area_mm2"]["tiles"] = round(columns["area_mm2"]["tiles"] + router_mm2, 6)
    data["links"] = {
        name: {one: links[one] for one in ("leakage_w_per_tile", "leakage_step")}
        for name, links in data["links"].items()
    }
    for ranges in data["calibrated_ranges"].values():
        ranges.pop("tiles", None)
        for cost in ("latency_ms", "energy_mj", "area_mm2"):  # those of a chip with a bus
            ranges["network"].pop(cost, None)
    data["name"] = "rram-mesh"
    data["description"] = (
        "RRAM compute-in-memory chip, layer by layer, weights stationary, batch 1, its tiles on a "
        "mesh of routers. Tiles as in rram; latency between layers by the published procedure with "
        "a model of BookSim's packet latency; energy and area of links and routers are estimates."
    )
    data["units"] = {
        "latency_ms": "ms per image",
        "energy_mj": "mJ per image, leakage included",
        "area_mm2": "mm2 of the chip",
        "leakage_w_per_tile": "W; times tiles times ms gives mJ",
    }
    # of the whole chip there is no run
    data["residuals"] = {name: {"networks": 0} for name in data["coefficients"]}
    data["provenance"] = {
        "simulator": "NeuroSim V1.4 for the tiles, BookSim 2 for packets' latency; none for energy "
        "and area of the mesh",
        "licence": "NeuroSim V1.4 is CC BY-NC 4.0: coefficients fitted to its runs, none of its "
        "code; BookSim 2 is BSD: three numbers fitted to its runs, none of its code",
        "method": "tiles of rram less its bus, and the published procedure for what lies between "
        "layers: docs/concepts/mesh.md",
        "script": "benchmarks/calibration/fit_mesh.py",
        "command": "python benchmarks/calibration/fit_mesh.py booksim_mesh.csv --out flash/data",
        "fitted": date,
        "tiles": "coefficients of the target rram less its bus: see its provenance",
        "procedure": "interconnect estimation of SIAM as MNSIM 2.0 carries it, with another model "
        "of packets; tiles row by row, sources first: a reconstruction",
        "packets": "link_cycles, exit_cycles and share fitted to 333 stable runs of BookSim 2, "
        "k x k meshes, dimension-order routing, packets of 1 and 4 flits, by "
        "benchmarks/calibration/fit_mesh.py",
        "frames_per_s": "a choice: an image every 4 ms. It sets the packets under way at a time",
        "links": f"estimate: {NUMBER_PJ} pJ a number of 8 bits and tile, the simulator's bus",
        "routers": f"estimate: {ROUTER_MW:g} mW and {ROUTER_MM2:g} mm2 for a router of 32-bit flits"
        f" and {ROUTER_PORTS} ports at 32 nm and 1 GHz (ISAAC, ISCA 2016; from memory, not "
        f"confirmed), as energy a flit at full load, of {PORTS} ports in area; to "
        f"{technology:g} nm by length and by its square",
        "left out": "routers of places of the mesh without a tile, and the constant of rram's bus "
        "area",
    }
    return data


def main() -> None:
    """Fit, compare with what the package has, and write the target."""
    parser = argparse.ArgumentParser(description="Fit a mesh's packets, write rram-mesh.")
    parser.add_argument("runs", help="booksim_mesh.csv")
    parser.add_argument("--out", required=True, help="the folder of the targets, to write into")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of writing")
    args = parser.parse_args()
    rows = rows_of(args.runs)
    found = fitted(rows)
    print(f"link, exit, share: {found}; flash/hardware/mesh.py has", end=" ")
    print((mesh.LINK, mesh.EXIT, mesh.SHARE))
    off = [abs(predicted(row, *found) / row["latency"] - 1.0) for row in rows]
    print(f"{len(rows)} runs, mean error {100 * sum(off) / len(off):.2f} %")
    write_json(str(Path(args.out) / "rram-mesh.json"), target(args.date))


if __name__ == "__main__":
    main()
