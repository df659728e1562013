"""What tools have and lack by their documentation, and what each task asks for.

The tasks are what users of such tools ask for most in public threads. A cell says "yes", "no" or
what it takes; `SOURCES` names where it was read. Nothing here was run.
"""

from __future__ import annotations

FLASH, OPTUNA, PYMOO, HIGHS, CPSAT = "flash", "Optuna", "pymoo", "HiGHS", "CP-SAT"
NN_METER, OFA = "nn-Meter", "once-for-all"
TOOLS = (FLASH, OPTUNA, PYMOO, HIGHS, CPSAT, NN_METER, OFA)
LOOP = "a loop of one's own"

SOURCES = {
    FLASH: "docs/",
    OPTUNA: "optuna.readthedocs.io",
    PYMOO: "pymoo.org",
    HIGHS: "highs.dev",
    CPSAT: "developers.google.com/optimization",
    NN_METER: "the README of microsoft/nn-Meter",
    OFA: "the README of mit-han-lab/once-for-all",
}

# task: one cell a tool, in the order of TOOLS
TASKS: dict[str, tuple[str, ...]] = {
    "latency of a network on a device, without the device": (
        "yes, analytical models", "no", "no", "no", "no",
        "yes, kernel by kernel: mobile CPU, Adreno 630 and 640, Myriad VPU",
        "yes, tables and predictors of the devices that it was made for",
    ),
    "models fitted on measurements of many phones": (
        "no: two phones by published tables", "no", "no", "no", "no", "yes", "yes, some",
    ),
    "a device of one's own from measurements": (
        "yes: `flash measure`, `flash calibrate`, from 25 networks", "no", "no", "no", "no",
        "a backend of one's own and its kernels measured", "a table of one's own",
    ),
    "an interval with each prediction": (
        "yes, 90 %", "no", "no", "no", "no", "no: errors of test sets", "no",
    ),
    "networks with trained weights, without training": (
        "no: networks are trained afterwards, or a supernet first", "no", "no", "no", "no", "no",
        "yes, ImageNet",
    ),
    "any Python function as objective": (
        "yes, then not proven", "yes", "yes", "no", "no", "no", "no",
    ),
    "choices that exist only after others": (
        "spans, states and conditions of tables", "yes, any Python", "no",
        "by constraints of one's own", "yes, constraints", "no", "within its space",
    ),
    "many machines at once": (
        "sweeps and fleets, by an executor", "yes, storage shared by workers",
        "yes, evaluations by an executor", "no", "threads", "no", "no",
    ),
    "a page that shows studies while they run": (
        "an explorer and reports of results", "yes, optuna-dashboard", "plots", "no", "no", "no",
        "no",
    ),
    "networks from torch or ONNX, and to them": (
        "yes, both ways", "no", "no", "no", "no", "reads torch, ONNX and TensorFlow", "torch",
    ),
}  # fmt: skip
