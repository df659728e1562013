"""Spaces of blocks on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from twins.processes import Run

import flash

pytestmark = pytest.mark.processes

TOML = """
name = "mine"
input = [3, 32, 32]
num_classes = 10

[stem]
options = ["mobile-stem"]
widths = 8
stride = 2

[[stages]]
name = "a"
options = {ir = {block = "inverted-residual", choices = {kernel = [3, 5]}}, skip = "skip"}
widths = [16, 24]
repeats = [1, 2]
stride = 2

[head]
options = ["mobile-head"]
widths = 10
"""


@pytest.fixture
def space(tmp_path: Path) -> flash.BlockSpace:
    (tmp_path / "s.toml").write_text(TOML)
    found = flash.BlockSpace.load(tmp_path / "s.toml")
    assert isinstance(found, flash.BlockSpace)
    return found


def test_search(space: flash.BlockSpace, cli: Run, tmp_path: Path) -> None:
    where = "option_a_0 == 'ir' and kernel_a_0 == 5"
    told = cli("search", "s.toml", "cpu-x86", "--where", where, "--json", "r.json").stdout
    assert "ir kernel 5 expansion 6" in told
    read = flash.SearchResult.from_json(tmp_path / "r.json")
    assert read.x == flash.search(space, "cpu-x86", where=where).x
    told = json.loads(cli("search", "s.toml", "cpu-x86", "--k", "2", "--json").stdout)
    assert told["architecture"]["family"] == "mine"
    assert cli("search", "s.toml", "cpu-x86", "--max-latency-ms", "1e-6", code=1).stdout
    failed = cli("search", "s.toml", "cpu-x86", "--where", "kernel_b == 3", code=2).stderr
    assert "did you mean 'kernel_a_" in failed


def test_names(cli: Run) -> None:
    told = cli("search", "mobilenet-v3", "cpu-x86", "--max-latency-ms", "9",
               "--where", "kernel_stage1_0 == 3").stdout  # fmt: skip
    assert "mobilenet-v3 on cpu-x86: OPTIMAL" in told
    assert "proven optimal: of " in told
    told = cli("sweep", "mobilenet-v3", "cpu-x86", "--sample", "1000", "--top", "2").stdout
    assert "a sample of 1,000 configurations" in told
    for command in ("search", "sweep", "pareto", "compare"):
        failed = cli(command, "mobilenet-v3", "cpu-x86", "--depths", "3", code=2).stderr
        assert "--depths is of the families' spaces: 'mobilenet-v3' takes none of these" in failed
        assert "family = 'mobilenet-v3'" in failed
    failed = cli("search", "mobilenet-v33", "cpu-x86", code=2).stderr
    assert "'mobilenet-v3'" in failed
    assert "did you mean 'mobilenet-v3'" in failed


def test_rows(space: flash.BlockSpace, cli: Run) -> None:
    network = space.decode(5)
    told = json.loads(cli("evaluate", "s.toml", "cpu-x86", "5", "1,1,0,1", "--json").stdout)
    assert [one["index"] for one in told] == [5, space.index((1, 1, 0, 1))]
    assert told[0]["params"] == network.params
    assert told[0]["latency_ms"] == flash.Target.load("cpu-x86").cost(network).latency_ms
    assert flash.BlockNetwork.from_dict(told[0]["architecture"]) == network
    cli("search", "s.toml", "cpu-x86", "--json", "r.json")
    told = json.loads(cli("evaluate", "s.toml", "cpu-x86", "r.json", "--json").stdout)
    assert told[0]["nn_degree"] == flash.search(space, "cpu-x86").nn_degree
    failed = cli("evaluate", "densenet", "cpu-x86", "r.json", code=2).stderr
    assert "the network file 'r.json'" in failed
    failed = cli("evaluate", "s.toml", "cpu-x86", "1,1,0", code=2).stderr
    assert "4 choice indices (width_a, depth_a, block_a_0, block_a_1" in failed


def test_sweeps_fronts_and_comparisons(space: flash.BlockSpace, cli: Run) -> None:
    told = json.loads(
        cli("sweep", "s.toml", "cpu-x86", "--top", "2", "--where", "option_a_0 == 'ir'",
            "--json").stdout
    )  # fmt: skip
    swept = flash.sweep(space, "cpu-x86", top=2, where="option_a_0 == 'ir'")
    assert told["feasible"] == swept.feasible
    assert told["top"][0]["x"] == list(swept.top[0].x or ())
    told = json.loads(cli("pareto", "s.toml", "cpu-x86", "--json").stdout)
    front = flash.ParetoFront.from_dict(told)
    assert len(front) == len(flash.pareto(space, "cpu-x86"))
    told = json.loads(
        cli("compare", "s.toml", "cpu-x86", "--methods", "random", "--seeds", "1",
            "--max-evals", "20", "--json").stdout
    )  # fmt: skip
    assert (
        flash.Comparison.from_json(json.dumps(told)).optimum
        == flash.search(space, "cpu-x86").nn_degree
    )
