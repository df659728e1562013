"""The programs of claims by name: what each needs, what it leaves, which section shows that."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DATA", "PROGRAMS", "WORK", "Program", "words_of"]

DATA, WORK = "{data}", "{work}"


class Program(NamedTuple):
    """A program that measures what the report reads.

    Attributes
    ----------
    words : tuple of str
        What follows ``python -m``; `DATA` and `WORK` stand for the folders.
    kept : str
        Where its figures lie, below benchmarks/; "" where it prints alone.
    section : str
        The section of RESULTS.md that shows them, by its module; "" where none does.
    packages : tuple of str
        What has to be installed beside flash, numpy and scipy.
    """

    words: tuple[str, ...]
    kept: str = ""
    section: str = ""
    packages: tuple[str, ...] = ()


def _claim(
    name: str, *words: str, kept: str = "", section: str = "", packages: tuple[str, ...] = ()
) -> Program:
    return Program((f"benchmarks.claims.{name}", *words), kept, section, packages)


def _json(name: str) -> str:
    return f"benchmarks/claims/{name}.json"


TORCH, ONNX = ("torch",), ("torch", "onnx", "onnxruntime")
PROGRAMS: dict[str, Program] = {
    "mesh": _claim("mesh", DATA, kept="claims/mesh.json", section="mesh"),
    "blocks": _claim(
        "blocks", "--json", _json("blocks"), kept="claims/blocks.json", section="blocks",
        packages=("highspy", *ONNX),
    ),
    "decoders": _claim(
        "decoders", "--json", _json("decoders"), kept="claims/decoders.json", section="blocks",
        packages=("highspy",),
    ),
    "layer_table": _claim(
        "layer_table", "--folder", f"{WORK}/layer_table", "--json", _json("layer_table"),
        kept="claims/layer_table.json", section="blocks", packages=ONNX,
    ),
    "microcontrollers": _claim(
        "microcontrollers", "--json", _json("microcontrollers"),
        kept="claims/microcontrollers.json", section="blocks",
    ),
    "codesign": _claim(
        "codesign", "--data", DATA, kept="claims/codesign.json", section="codesign"
    ),
    "explorer": _claim(
        "explorer", kept="claims/explorer.json", section="explorer", packages=("playwright",)
    ),
    "precision": _claim(
        "precision", f"{WORK}/precision", kept="claims/precision.json", section="precision",
        packages=(*TORCH, "sklearn"),
    ),
    "supernets": _claim(
        "supernets", f"{WORK}/supernets", kept="claims/supernets.json", section="supernets",
        packages=TORCH,
    ),
    "fewest_training": _claim(
        "fewest_training", DATA, f"{WORK}/fewest_training", kept="claims/fewest_training.json",
        section="fewest", packages=TORCH,
    ),
    "fewest": Program(
        ("benchmarks.peers.fewest", DATA), "peers/fewest/results", "fewest", ("optuna", "sklearn")
    ),
    "growing": Program(
        ("benchmarks.models.growing", DATA, "--out", "benchmarks/models/growing.json"),
        "models/growing.json", "predictors", ("sklearn",),
    ),
    "flash": _claim(
        "flash", "--trainings", f"{WORK}/flash", kept="claims/papers/flash.json", section="papers",
        packages=TORCH,
    ),
    "hurricane": _claim(
        "hurricane", f"{WORK}/hurricane", kept="claims/papers/hurricane.json", section="papers",
        packages=TORCH,
    ),
    "netadapt_v2": _claim(
        "netadapt_v2", f"{WORK}/netadapt_v2", kept="claims/papers/netadapt-v2.json",
        section="netadapt", packages=TORCH,
    ),
    "fp_nas_joint": _claim(
        "fp_nas_joint", f"{WORK}/fp_nas_joint", kept="claims/papers/fp-nas.json", section="papers",
        packages=TORCH,
    ),
    "hao": _claim(
        "hao", f"{WORK}/hao", kept="claims/papers/hao.json", section="papers", packages=TORCH
    ),
    "pnas": _claim(
        "pnas", f"{DATA}/accuracy", "--surrogates", "mlp", "--claims",
        kept="claims/papers/pnas.json", section="papers", packages=TORCH,
    ),
    "tuning": _claim("tuning", "--data", DATA, kept="claims/tuned.json", section="methods"),
    "real_models": _claim(
        "real_models", _json("real_models"), kept="claims/real_models.json",
        packages=(*ONNX, "torchvision"),
    ),
    "memory": _claim("memory", "--json", _json("memory"), kept="claims/memory.json", packages=ONNX),
    "imports": _claim("imports", DATA, packages=(*TORCH, "torchvision")),
    "imports_onnx": _claim("imports_onnx", DATA, packages=(*ONNX, "torchvision")),
    "intervals": Program(("benchmarks.models.intervals", DATA)),
    "zero_cost": Program(("benchmarks.models.zero_cost", DATA), packages=TORCH),
    "asked": Program(("benchmarks.peers.asked",), "peers/asked/answers.json", "asked"),
}  # fmt: skip


def words_of(program: Program, data: str | None, work: str | None) -> list[str]:
    """Return a program's words with the folders in place.

    Raises
    ------
    ValueError
        It needs a folder that is not given.
    """
    found = []
    for word in program.words:
        for mark, folder, option in ((DATA, data, "--data"), (WORK, work, "--work")):
            if mark in word:
                if folder is None:
                    raise ValueError(f"needs {option} FOLDER")
                word = word.replace(mark, folder)
        found.append(word)
    return found
