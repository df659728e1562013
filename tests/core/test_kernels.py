"""The vector kernels: every instruction set gives the same bits as the plain one."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from typing import Any

import pytest
from twins.processes import environment

from flash._core.tables.tables import simd

pytestmark = pytest.mark.processes

SETS = ("baseline", "avx2", "avx512")

# Everything that passes through a kernel: tables of random spaces, and searches of random tables.
SCRIPT = """
import hashlib, json
from random import Random
import numpy as np
from twins.problems import FAMILIES, hard, make, space
import flash, flash.networks.architecture
from flash._core.costing import batch
from flash._core.search.exact import Query, Search
from flash._core.search.exhaustive import enumerate_best
from flash._core.search.shgo import explore
from flash._core.tables.tables import COLUMNS, Tables, simd
from flash.problem.compiling import MACS, PARAMS, compile_problem
from flash.networks.families import FAMILIES as CELL_FAMILIES
from flash.spaces.index import rows_of
seen = hashlib.sha256()
for seed in range(8):
    for family in CELL_FAMILIES:
        for name in ("rram", "cpu-x86"):
            one = space(Random(f"{family}{seed}"), family)
            problem = compile_problem(one, flash.Target.load(name), None, PARAMS | MACS)
            for v, cells in enumerate(problem.tables.rows):
                for c in range(len(cells)):
                    for k in range(len(COLUMNS)):
                        seen.update(problem.tables.column(v, c, k) or b"-")
            picked = [rows_of(one, one.encode(a)) for a in one.sample(30, seed)]
            rows = np.zeros((len(picked), 3), np.int32)
            for i, (_, row) in enumerate(picked):
                rows[i, : len(row)] = row
            variants = np.array([v for v, _ in picked], np.int32)
            for column in batch.evaluate_layers(problem.plan, problem.model, variants, rows):
                seen.update(bytes(column))
            many = np.random.default_rng(seed).integers(0, len(picked), 5000)
            for column in batch.evaluate(problem.tables, variants[many], rows[many]):
                seen.update(bytes(column))
digests = [seen.hexdigest()]
answers = []
for seed in range(6):
    for family in FAMILIES:
        p = make(Random(f"{family}{seed}"), family)
        tables = Tables.from_arrays(p.variants, p.links)
        query = Query(p.maximum, p.min_accuracy, p.exponent)
        core = Search(tables, query)
        explore(core)
        core.prove()
        answers.append((core.best, core.bound, core.counts))
        answers.append(enumerate_best(tables, query))
p = hard(Random(2), 5)
core = Search(Tables.from_arrays(p.variants, p.links), Query(p.maximum))
core.prove()
answers.append((core.best, core.bound, core.counts))
for budget in (1.0, 2.0, 5.0):
    r = flash.search("densenet", "rram", max_latency_ms=budget, max_energy_mj=0.05)
    answers.append({**r.to_dict(), "elapsed_s": 0})
print(json.dumps({"simd": simd(), "digest": digests, "answers": repr(answers)}))
"""


def run(simd_name: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=environment(FLASH_SIMD=simd_name),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def baseline() -> dict[str, Any]:
    return run("baseline")


def test_the_plain_kernels_can_be_asked_for(baseline: dict[str, Any]) -> None:
    assert baseline["simd"] == "baseline"
    assert simd() in SETS


def asked(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(words or ("-c", "import flash; print(flash.build_info()['kernels'])"))],
        env={**os.environ, "FLASH_SIMD": name},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", SETS)
def test_a_variant_is_run_or_refused(name: str) -> None:
    done = asked(name)
    if done.returncode:
        assert name != "baseline"
        assert "flash.errors.KernelsError: " in done.stderr
        assert f"FLASH_SIMD is {name!r}: this build on this processor has no such" in done.stderr
    else:
        assert done.stdout.strip() == name


def test_no_variant_is_asked_for() -> None:
    best = asked("auto").stdout
    assert asked("").stdout == best
    assert best.strip() in SETS


@pytest.mark.parametrize("name", ["avx", "AVX2", " avx2", "avx2,avx512", "0", "n\u00e9on"])
def test_an_unknown_variant_is_refused(name: str) -> None:
    done = asked(name)
    assert done.returncode == 1
    assert f"FLASH_SIMD is {name!r}: there are no such kernels; accepted here: auto, base" in (
        done.stderr
    )
    for words in (("search", "resnet", "rram"), ("info",), ("targets",)):
        done = asked(name, "-m", "flash", *words)
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("flash: error: the environment variable FLASH_SIMD is ")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["avx2", "auto"])
def test_all_give_the_same_bits(baseline: dict[str, Any], name: str) -> None:
    if name != "auto" and asked(name).returncode:
        pytest.skip(f"no {name} on this {platform.machine()}")
    other = run(name)
    assert name in ("auto", other["simd"])
    assert other["digest"] == baseline["digest"]
    assert other["answers"] == baseline["answers"]
