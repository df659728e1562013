"""Targets of kind mcu: cycles of published figures over the clock; nothing was measured for flash.

Of the two STM32 the figures are whole networks of MLPerf Tiny, each of which is mostly one kind of
layer: the autoencoder tells the rate of linear layers, then the ResNet that of convolutions (of
all that are no depthwise ones), then the DS-CNN that of depthwise ones. MobileNetV1 (VWW) is kept
aside.
Of the others they are cycles of single layers, split into those of a multiply-accumulate and those
of a number written.

    python -m benchmarks.calibration.microcontrollers --out flash/data
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.files import write_json
from benchmarks.models.tiny_networks import NETWORKS
from flash.networks.operations import charged

__all__ = ["PUBLISHED", "main"]

ELEMENTWISE = 9.07  # cycles: 1,365,831 for 150,528 numbers quantised, on the Cortex-M55 below
# inferences a second, X-CUBE-AI 8.0, and the microjoules of one
PUBLISHED = {
    "cortex-m4": {
        "IC": (4.505, 17315.114),
        "KWS": (13.759, 5481.633),
        "VWW": (4.522, 16573.080),
        "AD": (131.950, 528.881),
    },
    "cortex-m7": {
        "IC": (18.215, 7615.350),
        "KWS": (60.988, 2362.103),
        "VWW": (19.867, 6928.315),
        "AD": (547.234, 235.833),
    },
}
MEASURED_AT = {"cortex-m4": 120.0, "cortex-m7": 280.0}  # MHz of the boards of these figures
KRAI = (
    "mlcommons/tiny_results_v1.1, closed/Krai/results/README.md, X-CUBE-AI 8.0.0: "
    "inferences a second"
)
ALIF = (
    "cycles of single operators of torchvision's MobileNetV2 with CMSIS-NN on an Alif E8, high-"
    "performance core: pytorch/executorch, issue 17651, comment of 2026-03-03"
)
ESP_NN = (
    "ticks of single kernels, optimised, on an ESP32-S3 at 240 MHz: espressif/esp-nn, README.md, "
    "Kernelwise performance for s8 versions; operands in external memory but for pools and the "
    "linear layer"
)


def features_of(name: str) -> np.ndarray[Any, Any]:
    """Return (linear, convolutions, depthwise, numbers of passes) of a network of MLPerf Tiny."""
    net = NETWORKS[name]()
    found = np.zeros(4)
    for layer in net.layers:
        if layer.kind == "linear":
            found[0] += layer.macs
        elif layer.kind == "conv":
            found[2 if layer.groups > 1 else 1] += layer.macs
        else:
            found[3] += layer.numbers_read if layer.kind == "pool" else layer.numbers_written
    assert sum(found[:3]) == net.macs
    assert charged(net).too_large is None
    return found


def stm32(name: str) -> dict[str, float]:
    """Return cycles of one of each feature, by the networks of MLPerf Tiny."""
    cycles = {one: MEASURED_AT[name] * 1e6 / speed for one, (speed, _) in PUBLISHED[name].items()}
    rows = {one: features_of(one) for one in cycles}
    rates = np.array([0.0, 0.0, 0.0, ELEMENTWISE])
    for place, network in enumerate(("AD", "IC", "KWS")):
        rest = cycles[network] - rows[network] @ rates
        rates[place] = rest / rows[network][place]
    linear, conv, depthwise, each = (float(one) for one in rates)
    return {
        "macs_conv": conv,
        "macs_image": conv,
        "macs_pointwise": conv,
        "macs_depthwise": depthwise,
        "macs_linear": linear,
        "macs_products": conv,
        **passes(each),
    }


def passes(each: float, pools: float | None = None) -> dict[str, float]:
    return {
        "adds": each,
        "pools": each if pools is None else pools,
        "copied": each,
        "moved": each / 2,
        "curves": each,
    }


def m55() -> dict[str, float]:
    """Return the same of the Cortex-M55."""
    # multiply-accumulates, numbers written, cycles: 32 > 16, 16 > 96, 96 > 24, 24 > 144
    table = np.array(
        [
            (6422528, 200704, 4915937),
            (19267584, 1204224, 24249462),
            (7225344, 75264, 2791555),
            (10838016, 451584, 10329014),
        ],
        float,
    )
    pointwise, outputs = np.linalg.lstsq(table[:, :2] / table[:, 2:], np.ones(4), rcond=None)[0]
    deep = [(401408, 13715766), (301056, 10286711), (451584, 15319785)]  # numbers, cycles: 3 x 3
    depthwise = float(np.mean([(cycles - outputs * n) / (9 * n) for n, cycles in deep]))
    image = (13754047 - outputs * 401408) / 10838016
    return {
        "macs_conv": float(pointwise),
        "macs_image": float(image),
        "macs_pointwise": float(pointwise),
        "macs_depthwise": depthwise,
        "macs_linear": float(pointwise),
        "macs_products": float(pointwise),
        "outputs": float(outputs),
        **passes(ELEMENTWISE),
    }


def s3() -> dict[str, float]:
    """Return the same of the ESP32-S3."""
    # 1 x 1, 64 > 64 on 10 x 10 and 16 > 16 on 8 x 8
    pointwise, outputs = np.linalg.solve([[409600, 6400], [16384, 1024]], [461398, 43578])
    return {
        "macs_conv": float(pointwise),
        "macs_image": float((643689 - outputs * 4096) / 110592),  # 3 x 3, 3 > 64 on 10 x 10
        "macs_pointwise": float(pointwise),
        "macs_depthwise": float((191931 - outputs * 4096) / 36864),  # 3 x 3, 16 on 18 x 18
        "macs_linear": float((4439 - outputs * 3) / 795),  # 265 > 3
        "macs_products": float(pointwise),
        "outputs": float(outputs),
        **passes(71644 / 1615, pools=160580 / 28224),
    }


STM32_METHOD = (
    "cycles of published whole networks over those that are charged before: AD for linear "
    "layers, IC "
    "for convolutions, KWS for depthwise ones; VWW is kept aside. Additions, poolings and other "
    "passes: 9.07 cycles a number, those of quantising on a Cortex-M55 (pytorch/executorch, issue "
    "17651), for want of a figure"
)
INT8 = "weights of a byte, 12 bytes an output channel: see Layer.weights_bytes"
TARGETS: dict[str, dict[str, Any]] = {
    "cortex-m4": {
        "device": "STM32L4R5ZI",
        "clock_mhz": 120.0,
        "cycles": lambda: stm32("cortex-m4"),
        "mw": 75.4,
        "parameters": {"sram_kib": 640, "flash_kib": 2048, "flash_taken_kib": 40},
        "what": "STM32L4R5ZI (Cortex-M4, 120 MHz, 640 KiB of SRAM, 2 MiB of flash) with X-CUBE-AI",
        "provenance": {
            "source": f"{KRAI}, NUCLEO_L4R5ZI at 120 MHz (MHz: closed/plumerai/README.md)",
            "energy": "latency x 75.4 mW: 5481.633 uJ in 72.68 ms of KWS, X-CUBE-AI 8.0.0, by "
            "the same "
            "table (IC 78.0, VWW 74.9, AD 69.8 mW)",
            "method": STM32_METHOD,
        },
    },
    "cortex-m7": {
        "device": "STM32F746",
        "clock_mhz": 216.0,
        "cycles": lambda: stm32("cortex-m7"),
        "parameters": {"sram_kib": 320, "flash_kib": 1024, "flash_taken_kib": 40},
        "what": "STM32F746 (Cortex-M7, 216 MHz, 320 KiB of SRAM, 1 MiB of flash) with X-CUBE-AI",
        "provenance": {
            "source": f"{KRAI}, NUCLEO_H7A3ZI at 280 MHz (MHz: closed/plumerai/README.md), the "
            "same "
            "core: its cycles at 216 MHz",
            "energy": "not modelled: no figure of this device was found (the H7A3 takes 129 to "
            "144 mW "
            "at 280 MHz by the same table)",
            "method": STM32_METHOD,
        },
    },
    "cortex-m55": {
        "device": "Alif Ensemble, high-performance core",
        "clock_mhz": 400.0,
        "cycles": m55,
        "parameters": {"sram_kib": 4096, "flash_kib": 5632, "flash_taken_kib": 40},
        "what": "Alif Ensemble (Cortex-M55 with Helium, 400 MHz, without its Ethos-U55; SRAM0 of "
        "4 MiB, 5.5 MiB of MRAM) with CMSIS-NN",
        "provenance": {
            "source": ALIF,
            "memory": "SRAM0: alifsemi.com, RAM Regions and Linker Files in Alif Microcontrollers, "
            "Rev B; MRAM: 5.5 MiB of the maker's product line, not in that page",
            "energy": "not modelled: no figure was found",
            "method": "four pointwise convolutions, least squares of relative errors: cycles of a "
            "multiply-accumulate and of a number written; from the rest of three depthwise "
            "ones and "
            "of the first convolution theirs. Linear layers and larger kernels as pointwise "
            "ones, for "
            "want of a figure; passes as quantising, 9.07 cycles a number",
        },
    },
    "esp32-s3": {
        "device": "ESP32-S3, module of 8 MB flash",
        "clock_mhz": 240.0,
        "cycles": s3,
        "parameters": {
            "sram_kib": 512, "sram_taken_kib": 160, "flash_kib": 8192, "flash_taken_kib": 1024,
        },
        "what": "ESP32-S3 (240 MHz, one core, vector instructions, 512 KiB of SRAM, 8 MiB of "
        "flash) "
        "with ESP-NN",
        "provenance": {
            "source": ESP_NN,
            "memory": "512 KiB of SRAM, of which caches (16 and 64 KiB in the source's "
            "configuration) "
            "and ESP-IDF with its stacks (80 KiB, an assumption) are taken; flash: of the "
            "module, of "
            "which 1 MiB is the program's (an assumption)",
            "energy": "not modelled: no figure was found",
            "method": "two pointwise convolutions tell the cycles of a multiply-accumulate and "
            "of a "
            "number written; from the rest of one kernel each those of depthwise layers, of an "
            "image's "
            "first convolution, of linear layers. Larger kernels as pointwise ones, for want of a "
            "figure. Average pooling, and addition for all other passes",
        },
    },
}  # fmt: skip


def target_of(name: str) -> dict[str, Any]:
    """Return a target's file."""
    own = TARGETS[name]
    clock = own["clock_mhz"]
    latency = {feature: round(one / (clock * 1e3), 15) for feature, one in own["cycles"]().items()}
    columns = {"latency_ms": latency}
    units = {"latency_ms": "ms per image"}
    if "mw" in own:
        columns["energy_mj"] = {one: value * own["mw"] * 1e-3 for one, value in latency.items()}
        units["energy_mj"] = "mJ per image: latency x power"
    told = "" if "mw" in own else " Energy is not modelled."
    parameters = {"device": own["device"], "clock_mhz": clock, "int8": True, **own["parameters"]}
    return {
        "format": 1,
        "name": name,
        "kind": "mcu",
        "description": f"{own['what']}, int8, batch 1. NOT CALIBRATED: rates of published figures."
        f"{told}",
        "units": units,
        "parameters": parameters,
        "coefficients": {"default": columns},
        "residuals": {"default": {"networks": 0}},
        "provenance": {
            "licence": "published figures",
            **own["provenance"],
            "taken": "flash of the program: 862 kB that TinyEngine takes for MobileNetV2 on an "
            "STM32F746 "
            "(mit-han-lab/mcunet, README.md, mbv2-320kB), less what its weights take by the "
            "rule here; "
            "TensorFlow Lite Micro takes about 220 kB more (mit-han-lab/tinyengine, "
            "README.md). Of SRAM "
            "nothing beside a network's values, unless sram_taken_kib says so: a stack, "
            "drivers and "
            "buffers of one's own are to be added"
            if name != "esp32-s3"
            else "see memory",
            "int8": INT8,
            "script": "benchmarks/calibration/microcontrollers.py",
            "command": "python -m benchmarks.calibration.microcontrollers --out flash/data",
            "fitted": "2026-11-30",
        },
    }


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write the targets of microcontrollers.")
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args(words).out
    for name in TARGETS:
        write_json(out / f"{name}.json", target_of(name))
        print(name, {k: round(v, 3) for k, v in TARGETS[name]["cycles"]().items()})


if __name__ == "__main__":
    main()
