"""Write the targets that are specified, not fitted: FPGAs, and a systolic array with a memory.

    python -m benchmarks.calibration.design_spaces --out flash/data

Two terms of the FPGAs, the traffic that computing does not hide and the constant of a layer, are
those that `fpga_dpu` fitted on published latencies of other accelerators (fpga_dpu.json).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.claims.mobile_networks import network
from flash.hardware import Target

FITTED = "2026-11-30"
SYSTOLIC_FITTED = "2026-11-23"
DPU = Path(__file__).with_name("fpga_dpu.json")
SCRIPT = "benchmarks/calibration/design_spaces.py"
COMMAND = "python -m benchmarks.calibration.design_spaces --out flash/data"
BOARDS = "Xilinx/XilinxBoardStore, boards/"
FABER = "necst/faber_fpga, src/model/boards.py (18-kbit blocks, halved)"
FINN = "Xilinx/finn, src/finn/util/platforms.py (18-kbit blocks, halved)"
KRIA = "xilinx.github.io/kria-apps-docs, kv260 2022.1, smartcamera, hw_arch_accel"
MANEV = (
    "Manev, Vaishnav, Koch, Unexpected Diversity: Quantitative Memory Analysis for Zynq "
    "UltraScale+ Systems, FPT 2019, abstract (research.manchester.ac.uk)"
)
PORTS = (
    "four slave ports S_AXI_HP of 128 bits (count: scite.ai, a citation of Manev et al.; width: "
    "the bursts in forums.xilinx.com, Maximum Attainable Data Rate from PL to PS DDR on XCZU2); "
    "they may run faster than the design, up to 333 MHz (esa-tu-darmstadt/tapasco, issue 205)"
)
PORTS_7 = (
    "four ports of 32 or 64 bits (count: digilent.com, PYNQ-Z1 Reference Manual; width: "
    "blog.csdn.net/weixin_44348260/article/details/117135664)"
)
CLOCK = (
    "200 MHz, an easy clock for an accelerator of this kind: Vitis-Tutorials 2021.1, "
    "02-Edge-AI-ZCU104, plans it for a DPU; published ones reach more, "
)


class Device(NamedTuple):
    """An FPGA on a board, with the sources of all that is said of it."""

    name: str
    part: str
    board: str
    dsp: int
    lut: int
    bram: int  # of 36 kbit
    clock: int  # MHz
    peak: float  # GB/s, of the memory
    share: float  # of the peak
    ports: tuple[int, int] | None  # count and bits of the ports to the memory
    sources: dict[str, str]
    units: dict[str, tuple[int, int, int, int]]
    scale: float  # of the design's sizes

    @property
    def zynq(self) -> bool:
        """Whether it has the processor that the fitted accelerators have beside them."""
        return self.part.startswith(("XCZU", "XCK26"))

    def bandwidth(self) -> tuple[float, str]:
        """Return GB/s, and how they come about."""
        reached = self.peak * self.share
        text = f"{self.share:g} of the peak of {self.peak:g} GB/s"
        if self.ports is None:
            return round(reached, 3), text
        count, bits = self.ports
        passed = count * bits / 8e3 * self.clock
        text += f", at most {passed:g} GB/s through {count} ports of {bits} bits at the clock"
        return round(min(reached, passed), 3), text


DEVICES = [
    Device(
        "fpga-zu3eg", "XCZU3EG", "Ultra96", 360, 70_560, 216, 200, 4 * 1.066, 0.925, (4, 128),
        {
            "resources": f"{FABER}, ultra96; Xilinx/finn, src/finn/util/platforms.py has 71,000 "
            "LUTs, rounded, and 206 blocks",
            "memory": "LPDDR4, 32 bits, at 1066 MT/s (speed bin LPDDR4_1066, 533 MHz): "
            f"{BOARDS}Avnet/ultra96v1/1.2/preset.xml and Avnet/ultra96v2/1.2/preset.xml",
            "share": f"measured on this board: {MANEV}",
            "ports": PORTS,
            "clock": f"{CLOCK}a DPU of 800 MACs a cycle 287 MHz on this board (Xilinx/AI-Model-"
            "Zoo, README.md, Performance on Ultra96)",
        },
        {"conv": (16, 16, 32, 32), "depthwise": (9, 8, 4, 16), "pointwise": (8, 16, 16, 16)}, 1.0,
    ),
    Device(
        "fpga-zu7ev", "XCZU7EV", "ZCU104", 1728, 230_400, 312, 200, 8 * 2.133, 0.75, (4, 128),
        {
            "resources": f"{FABER}, zcu104; Xilinx/finn, src/finn/util/platforms.py has 230,000 "
            "LUTs, rounded, and 305 blocks. Its 96 blocks of UltraRAM are left out: the model has "
            "one kind of buffer, so deep buffers are dearer than they need be",
            "memory": "DDR4 of the processing system, 64 bits, at 2133 MT/s (speed bin DDR4_2133P, "
            f"1067 MHz): {BOARDS}Xilinx/zcu104/1.1/preset.xml",
            "share": "not found; assumption: that of the ZCU102, whose memory has the same "
            f"controller, width and rate ({MANEV}); 0.6 to 0.9 would be 10.2 to 12.8 GB/s",
            "ports": PORTS,
            "clock": f"{CLOCK}two DPUs of 2048 MACs a cycle 300 MHz on this board (Vitis AI "
            "Library User Guide UG1354 2.5, ZCU104 Evaluation Board)",
        },
        {"conv": (32, 32, 64, 64), "depthwise": (9, 32, 4, 32), "pointwise": (32, 32, 32, 32)}, 2.0,
    ),
    Device(
        "fpga-zu9eg", "XCZU9EG", "ZCU102", 2520, 274_000, 912, 200, 8 * 2.133, 0.75, (4, 128),
        {
            "resources": f"{FINN}, LUTs rounded there",
            "memory": "DDR4 of the processing system, 64 bits, at 2133 MT/s (speed bin DDR4_2133P, "
            f"1067 MHz): {BOARDS}Xilinx/zcu102/3.4/preset.xml",
            "share": f"measured on this board: {MANEV}",
            "ports": PORTS,
            "clock": f"{CLOCK}three DPUs of 2048 MACs a cycle 281 MHz on this board (Vitis AI "
            "Library User Guide UG1354 2.5, ZCU102 Evaluation Kit)",
        },
        {"conv": (32, 48, 128, 128), "depthwise": (9, 32, 16, 64), "pointwise": (32, 32, 64, 64)},
        2.0,
    ),
    Device(
        "fpga-k26", "XCK26", "Kria K26", 1248, 117_120, 144, 200, 8 * 2.4, 0.75, (4, 128),
        {
            "resources": f"{KRIA}. Its 64 blocks of UltraRAM are left out",
            "memory": "DDR4 of the processing system, 64 bits, at 2400 MT/s (speed bin "
            f"DDR4_2400R): {BOARDS}Xilinx/kv260_som/1.4/preset_s4.xml",
            "share": "not found; assumption: that of the ZCU102, whose memory has the same "
            f"controller and width ({MANEV}); from 0.67 on the ports are the limit",
            "ports": PORTS,
            "clock": f"{CLOCK}a DPU of 1568 MACs a cycle is assumed at 300 MHz on this module "
            "(xilinx.github.io/kria-apps-docs, kv260 2022.1, nlp-smartvision, hw_arch_accel_nlp)",
        },
        {"conv": (32, 32, 32, 32), "depthwise": (9, 16, 4, 16), "pointwise": (16, 32, 32, 32)}, 1.0,
    ),
    Device(
        "fpga-z7020", "XC7Z020", "PYNQ-Z1", 220, 53_200, 140, 100, 2 * 1.05, 0.75, (4, 64),
        {
            "resources": f"{FINN}; digilent.com, PYNQ-Z1 Reference Manual, has the same slices",
            "memory": "DDR3, 16 bits, at 1050 MT/s: digilent.com, PYNQ-Z1 Reference Manual; the "
            f"PYNQ-Z2's clock is the same ({BOARDS}TUL/pynq-z2/A.0/preset.xml)",
            "share": "what the controller was designed for at most (Zynq-7000 Technical Reference "
            "Manual UG585, DDR Efficiency); its table has 0.79 to 0.97, which would be 1.66 to "
            "2.04 GB/s",
            "ports": PORTS_7,
            "clock": f"100 MHz, the fabric's first clock in {BOARDS}TUL/pynq-z2/A.0/preset.xml",
        },
        {"conv": (12, 12, 16, 16), "depthwise": (9, 8, 4, 8), "pointwise": (8, 12, 16, 16)}, 0.5,
    ),
    Device(
        "fpga-u200", "XCU200", "Alveo U200", 6830, 1_006_278, 1796, 200, 77.0, 0.75, None,
        {
            "resources": f"{FABER}, alveo_u200. Its 960 blocks of UltraRAM are left out, and so is "
            "that it is made of three dies",
            "memory": "DDR4, 77 GB/s together: Vitis Unified Software Platform Documentation "
            "UG1393 2021.2, HBM Configuration and Use (of Alveo cards with DDR)",
            "share": "not found; assumption: 0.75, as on the ZCU102; 0.6 to 0.9 would be 46 to "
            "69 GB/s",
            "ports": "not a limit here: the memory's controllers are in the fabric",
            "clock": "200 MHz, an assumption as for the smaller devices; an image pipeline of "
            "19,000 LUTs runs at 300 MHz (docs.amd.com, Vitis Libraries 2024.2, ISP pipeline)",
        },
        {"conv": (64, 64, 256, 256), "depthwise": (9, 64, 16, 64), "pointwise": (64, 64, 128, 128)},
        4.0,
    ),
]  # fmt: skip


def unit(into: int, out: int, weights_kib: int, maps_kib: int) -> dict[str, Any]:
    """Return a unit of 8-bit multipliers in DSP slices."""
    return {"into": into, "out": out, "bits": 8, "mac": "dsp", "weights_kib": weights_kib,
            "maps_kib": maps_kib}  # fmt: skip


def design(scale: float) -> dict[str, Any]:
    """Return a design space with sizes for a device so large."""

    def sizes(*values: int) -> list[int]:
        return [max(1, int(value * scale)) for value in values]

    wide = sizes(8, 16, 24, 32, 48, 64)
    buffers = sizes(16, 32, 64, 128)
    return {
        "into": wide,
        "out": wide,
        "bits": [8, 4],
        "mac": ["dsp", "lut"],
        "weights_kib": buffers,
        "maps_kib": buffers,
        "cell_bits": [8, 6, 4, 3, 2],
        "families": {
            "mobilenet-v2": {  # its dense convolution is the stem
                "conv": {"into": [4], "out": sizes(8, 16, 32), "weights_kib": [16],
                         "maps_kib": [16]},
                "depthwise": {"into": [9], "out": sizes(8, 16, 32), "weights_kib": [8],
                              "maps_kib": [16]},
                "pointwise": {"into": sizes(8, 16, 32, 48, 64), "out": sizes(8, 16, 32, 48, 64),
                              "weights_kib": sizes(16, 64, 128), "maps_kib": sizes(16, 64)},
            }
        },
    }  # fmt: skip


def fpga(device: Device) -> dict[str, Any]:
    """Return the file of a device."""
    clock = device.clock
    speed, bandwidth = device.bandwidth()
    fitted = json.loads(DPU.read_text(encoding="utf-8"))
    held = fitted["held_out"]
    return {
        "format": 1,
        "name": device.name,
        "kind": "fpga",
        "description": f"{device.part} ({device.board}): an accelerator of one compute unit for "
        f"each kind of operator, layer by layer, batch 1, {clock} MHz; NOT CALIBRATED. Energy and "
        "area are not modelled.",
        "units": {"latency_ms": "ms per image"},
        "parameters": {
            "device": device.part,
            "board": device.board,
            "clock_mhz": clock,
            "bandwidth_gb_s": speed,
            "bits": 8,
            "resources": {"dsp": device.dsp, "lut": device.lut, "bram": device.bram},
            "usable": {"dsp": 0.8, "lut": 0.7, "bram": 0.8},
            "units": {key: unit(*value) for key, value in device.units.items()},
            "published_factor": {
                "low": round(held["low"], 2),
                "median": round(held["median"], 2),
                "high": round(held["high"], 2),
                "source": "latencies of Xilinx's DPU on Ultra96, ZCU104 and ZCU102, each board "
                "held out of the fit",
            },
        },
        "features": ["cycles", "bits_moved", "macs", "layers"],
        "coefficients": {
            "default": {
                "latency_ms": {
                    "cycles": 1e-3 / clock,
                    "bits_moved": float(f"{fitted['unhidden'] / (speed * 8e6):.6g}"),
                    "layers": round(fitted["layer_ms"], 5),
                }
            }
        },
        "design": design(device.scale),
        "residuals": {"default": {"networks": 0}},
        "provenance": {
            "source": device.sources["resources"],
            "licence": "numbers of devices, and published formulas",
            "usable": "shares recommended for timing closure: 0.8 of DSP slices and block RAM, 0.7 "
            "of LUTs (Xilinx/finn, src/finn/util/platforms.py)",
            "bandwidth": bandwidth,
            **{key: device.sources[key] for key in ("memory", "share", "ports", "clock")},
            "lut": "FINN-R's formula (Blott et al., FINN-R, ACM TRETS 11(3), 2018) as Xilinx/finn "
            "computes it, with 32-bit accumulators",
            "dsp": "4 multipliers of 4 bits or 2 of 8 bits in a DSP slice, as FINN's matrix-vector "
            "units pack them (mvu_4sx4u, mvu_8sx8u)",
            "units": "the accelerator and the design space: choices of flash",
            "paper": "Dong et al., HAO: Hardware-aware Neural Architecture Optimization for "
            "Efficient Inference, FCCM 2021, arXiv 2104.12766; its constants were not at hand",
            "overlap": f"{fitted['unhidden']:.2f} of a layer's traffic is not hidden behind "
            f"computing: fitted on {fitted['published']}. That a design of other units hides as "
            "much is an assumption",
            "start": f"{1e3 * fitted['layer_ms']:.1f} microseconds a layer, pipelines, "
            "instructions, driver and host in one: fitted on the same latencies, of designs at 281 "
            "to 300 MHz beside a Cortex-A53"
            + ("" if device.zynq else "; that it holds for this device is an assumption"),
            "method": "analytic; overlap and start are fitted on other accelerators "
            "(benchmarks/calibration/fpga_dpu.py)",
            "script": SCRIPT,
            "command": COMMAND,
            "fitted": FITTED,
        },
    }


def implied(data: dict[str, Any]) -> dict[str, Any]:
    """Return by which factor HAO's figures for a ZU3EG are this accelerator's of like networks.

    50 images a second, 60 % faster than MnasNet and 135 % than FBNet (the abstract). Which MnasNet
    and FBNet, which bits, and on which accelerator, was not seen.
    """
    target = Target.from_dict(data)
    factors = [
        1e3 * (1.0 + faster) / 50.0 / target.cost(network(name)).latency_ms
        for name, faster in (("mnasnet-a1", 0.6), ("mnasnet-b1", 0.6), ("fbnet-c", 1.35))
    ]
    return {
        "low": round(min(factors), 2),
        "high": round(max(factors), 2),
        "source": "what HAO's abstract implies of MnasNet and FBNet on this device, beside MnasNet-"
        "A1, -B1 and FBNet-C of 8 bits on this file's accelerator",
    }


def systolic() -> dict[str, Any]:
    """Return the file of an array with buffers and a memory."""
    buffers = [32, 64, 128, 192, 224]
    return {
        "format": 1,
        "name": "systolic-dram",
        "kind": "systolic",
        "description": "Systolic array of up to 4096 processing elements with buffers and a memory "
        "of 8 GB/s, layer by layer, batch 1, 1 GHz, 8-bit numbers: the longer of the array's "
        "cycles (SCALE-Sim's) and of the traffic; NOT CALIBRATED. Energy and area are not "
        "modelled.",
        "units": {"latency_ms": "ms per image"},
        "parameters": {
            "array_rows": 64,
            "array_columns": 64,
            "dataflow": "output-stationary",
            "clock_ghz": 1.0,
            "bandwidth_gb_s": 8.0,
            "bits": 8,
            "weights_kib": 128,
            "maps_kib": 128,
        },
        "features": ["cycles_os", "cycles_ws"],
        "coefficients": {"default": {"latency_ms": {"cycles_os": 1e-6}}},
        "design": {
            "rows": [16, 32, 64, 128, 256],
            "columns": [16, 32, 64, 128, 256],
            "dataflow": ["os", "ws"],
            "weights_kib": buffers,
            "maps_kib": buffers,
            "limits": {"pes": 4096, "sram_kib": 256},
        },
        "residuals": {"default": {"networks": 0}},
        "provenance": {
            "simulator": "SCALE-Sim 3 (scalesimproject/scale-sim-v3)",
            "licence": "formulas",
            "source": "Samajdar et al., A systematic methodology for characterizing scalability of "
            "DNN accelerators using SCALE-Sim, ISPASS 2020",
            "method": "analytic: SCALE-Sim's cycles, and a roofline of traffic; bandwidth and "
            "buffers are examples",
            "script": SCRIPT,
            "command": COMMAND,
            "fitted": SYSTOLIC_FITTED,
        },
    }


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    boards = [fpga(device) for device in DEVICES]
    for data in boards:
        if data["parameters"]["device"] == "XCZU3EG":
            data["parameters"]["published_factor"]["paper"] = implied(data)
    for data in (*boards, systolic()):
        (out / f"{data['name']}.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
