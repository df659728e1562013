"""FP-NAS and PARSEC with weights trained together with the distribution."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

from twins.processes import environment  # noqa: E402

import flash  # noqa: E402
from flash.cli.main import main  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError  # noqa: E402
from flash.methods.fp_nas import (  # noqa: E402
    Distribution,
    count_for,
    factorised,
    given_counts,
    joint_groups,
    less_cost,
)
from flash.supernet.joint import JointTraining, halves, mixture_step  # noqa: E402
from flash.supernet.weights import weights_of  # noqa: E402
from flash.training import Recipe  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.torch

WHOLE = flash.Range(32, 32, unit="width/32")
SPACE = flash.ResNet(widths=([2, 4], [4, 8]), depths=[1, 2], cells=2, skips=WHOLE, resolution=8)
BLOCKS = flash.FBNetV2(
    widths=([8, 16],), depths=(1,), strides=(1,), kernels=(3, 5), expansions=(1, 2), stem=8,
    stem_stride=1, head=(0, 0), resolution=8, num_classes=10,
)  # fmt: skip
FAST = {"weights": "joint", "learning_rate": 2.0, "ends_at": 0.1, "samples": 6}
SCRIPT = """
import sys, flash
space = flash.ResNet(widths=([2, 4], [4, 8]), depths=[1, 2], cells=2, resolution=8,
                     skips=flash.Range(32, 32, unit="width/32"))
flash.search(space, "pixel-3", method="fp-nas",
             evaluator=flash.SupernetEvaluator("digits", sys.argv[1]),
             options={"weights": "joint", "learning_rate": 0.001, "samples": 6, "iterations": 60})
"""


def searched(out: Path, space: Any = SPACE, method: str = "fp-nas", **more: Any) -> Any:
    judge = flash.SupernetEvaluator("digits", out=out, batch_size=32)
    options = {**FAST, **more.pop("options", {})}
    result = flash.search(space, "pixel-3", method=method, evaluator=judge, options=options, **more)
    return result, judge


def state_of(judge: Any) -> dict[str, Any]:
    path = f"{judge.joined.folder}/checkpoints/0000-0.pt"
    found: dict[str, Any] = torch.load(path, weights_only=True)
    return found


# the two gradients


def tiny(lengths: tuple[int, ...], joint: bool, seed: int) -> Distribution:
    """A distribution of random logits."""
    columns = [np.arange(len(lengths))] if joint else [np.array([k]) for k in range(len(lengths))]
    at = Distribution(columns, np.array(lengths))
    real = np.isfinite(at.logits)
    at.logits[real] = np.random.default_rng(seed).normal(size=int(real.sum()))
    at.refresh()
    return at


def log_p(logits: Any, picks: Any) -> Any:
    """Log probabilities of picks, by torch: the twin of `Distribution`."""
    logs = [one[torch.isfinite(one)].log_softmax(0) for one in logits]
    return sum(one[picks[:, f]] for f, one in enumerate(logs))


@pytest.mark.parametrize("joint", [False, True])
def test_the_distribution_steps_along_the_papers_gradient(joint: bool) -> None:
    at = tiny((3, 2, 2), joint, 0)
    rng = np.random.default_rng(1)
    _, picks = at.draw(rng, 7)
    likely, over = rng.normal(size=7), np.maximum(0.0, rng.normal(size=7))
    q = np.exp(likely) / np.exp(likely).sum()
    logits = torch.tensor(at.logits, requires_grad=True)
    own = torch.tensor(-q + 0.7 * over / over.sum())  # as the paper has it: what is descended
    (own * log_p(logits, torch.tensor(picks))).sum().backward()
    before = at.logits.copy()
    at.move(picks, less_cost(q, over, 0.7), 0.3)
    real = np.isfinite(before)
    step = -0.3 * logits.grad.numpy()[real]
    assert np.allclose(at.logits[real] - before[real], step, atol=1e-12)


def test_of_all_networks_it_is_the_gradient_of_the_mixture_likelihood_and_of_the_cost() -> None:
    # With every network drawn as often as it is probable, nothing is left to chance: the step is
    # the gradient of log sum_A P(A) P(y|A), less that of beta log sum_A P(A) C(A).
    lengths = (3, 2, 2)
    at = Distribution([np.array([k]) for k in range(3)], np.array(lengths))
    picks = np.array(list(product(*map(range, lengths))))
    rng = np.random.default_rng(2)
    likely, over = rng.normal(size=12), np.maximum(0.0, rng.normal(size=12))
    logits = torch.zeros(3, 3, dtype=torch.float64)
    logits[1:, 2] = -np.inf
    logits.requires_grad_()
    p = log_p(logits, torch.tensor(picks))
    gain = torch.logsumexp(p + torch.tensor(likely), 0)
    cost = torch.log((p.exp() * torch.tensor(over)).sum())
    (gain - 0.7 * cost).backward()
    q = np.exp(likely - likely.max())
    at.move(picks, less_cost(q / q.sum(), over, 0.7), 1.0)
    real = np.isfinite(at.logits)
    assert np.allclose(at.logits[real], logits.grad.numpy()[real], atol=1e-12)


def test_costs_that_are_none_or_infinite_have_no_part() -> None:
    q = np.array([0.25, 0.75])
    assert (less_cost(q, np.zeros(2), 1.0) == q).all()
    assert less_cost(q, np.array([np.inf, 2.0]), 1.0).tolist() == [0.25, -0.25]
    assert (less_cost(q, np.full(2, np.inf), 1.0) == q).all()


@pytest.mark.parametrize("counted", [1.0, 8.0, 50.0])
@pytest.mark.parametrize("space", [SPACE, BLOCKS], ids=["resnet", "blocks"])
def test_the_weights_step_along_the_gradient_of_the_mixture(space: Any, counted: float) -> None:
    weights = weights_of(space, 3)
    module = weights.module.double().train()
    parameters = list(module.parameters())
    rng = np.random.default_rng(0)
    rows = [[int(rng.integers(n)) for n in space.lengths] for _ in range(4)]
    subnets, times = [weights.subnet(row) for row in rows], [1, 3, 2, 1]
    images = torch.randn(
        12, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    labels = torch.arange(12) % 10
    means = torch.stack(
        [-torch.nn.functional.cross_entropy(module(images, one).float(), labels) for one in subnets]
    )
    logs = counted * means + torch.log(torch.tensor(times, dtype=torch.float64))
    loss = -(torch.logsumexp(logs, 0) - np.log(sum(times))) / counted
    wanted = torch.autograd.grad(loss, parameters, allow_unused=True)
    found = mixture_step(
        module, parameters, subnets, times, images, labels, counted, Recipe(precision="float32")
    )
    assert found == pytest.approx(float(loss.detach()), abs=1e-6)
    assert any(one is not None and one.abs().max() > 1e-3 for one in wanted)
    for parameter, one in zip(parameters, wanted, strict=True):
        if one is None:
            assert parameter.grad is None
        else:
            assert torch.allclose(parameter.grad, one, atol=1e-6)


# the distributions


def test_parameters_of_the_two_distributions() -> None:
    # FP-NAS: candidates [3, 2, 2, 6, 10] have 720 parameters a layer jointly, 23 factorised
    space = flash.FBNetV2(
        widths=(flash.Range(16, 88, 8),), depths=(1,), strides=(1,), head=(0, 0), resolution=8
    )

    class Task:
        lengths = np.array(space.lengths)
        groups = tuple(np.array(group) for group in space.groups if group)

    Task.space = space  # type: ignore[attr-defined]
    assert space.variables == ("width_stage1_0", "block_stage1_0")
    assert given_counts(space, 1) == [3, 6, 2, 2]
    assert given_counts(space, 0) is None
    fine = factorised(Task)  # type: ignore[arg-type]
    assert fine.parameters == 3 + 2 + 2 + 6 + 10 == 23
    groups = joint_groups(Task)  # type: ignore[arg-type]
    joint = fine.joined(groups, Task.lengths)
    assert joint.parameters == 3 * 2 * 2 * 6 * 10 == 720
    assert joint.entropy == pytest.approx(fine.entropy) == pytest.approx(np.log(720))
    rows, picks = fine.draw(np.random.default_rng(0), 5000)
    assert len(np.unique(rows, axis=0)) > 700
    labels = space.choices_of("block_stage1_0")
    for row, pick in zip(rows[:50].tolist(), picks[:50].tolist(), strict=True):
        told = labels[row[1]].split()  # mb kernel 5 expansion 3 activation relu se True
        assert row[0] == pick[0]
        assert int(told[2]) == (3, 5, 7)[pick[1]]
        assert int(told[4]) == 1 + pick[2]
        assert told[6] == ("relu", "hardswish")[pick[3]]
        assert told[8] == ("False", "True")[pick[4]]


def test_draws_by_the_papers_lambda() -> None:
    assert count_for(56.0, 56.0, 14, True, 0.25) == 14
    assert count_for(20.0, 56.0, 14, True, 0.25) == 5
    assert count_for(20.0, 56.0, 14, False, 0.25) == 14


@pytest.mark.parametrize("joint", [False, True])
def test_networks_by_their_probability(joint: bool) -> None:
    at = tiny((3, 2, 4), joint, 5)
    found = [tuple(row[0].tolist()) for row in at.by_probability()]
    every = list(product(range(3), range(2), range(4)))
    assert sorted(found) == every

    def p(row: Any) -> float:
        if joint:
            return float(at.p[0, every.index(row)])
        return float(np.prod([at.p[k, one] for k, one in enumerate(row)]))

    shares = [p(row) for row in found]
    assert all(a >= b - 1e-12 for a, b in pairwise(shares))


def test_halves_are_apart_and_all_images() -> None:
    first, second = halves(101, 7)
    assert (len(first), len(second)) == (50, 51)
    assert sorted([*first.tolist(), *second.tolist()]) == list(range(101))
    assert not torch.equal(first, halves(101, 8)[0])


# runs


def test_a_run_is_its_seeds_and_users_can_cut_its_supernet(tmp_path: Path) -> None:
    result, judge = searched(tmp_path / "one", seed=4)
    again, other = searched(tmp_path / "two", seed=4)
    assert result.status == "FEASIBLE"
    assert (again.x, again.accuracy, again.samples, again.nfev) == (
        *(result.x, result.accuracy, result.samples, result.nfev),
    )
    for key, tensor in state_of(judge)["module"].items():
        assert torch.equal(tensor, state_of(other)["module"][key]), key
    state = state_of(judge)["search"]
    assert state["sure"]
    assert state["asked"] + 1 == result.samples > result.nfev  # and the answer, in the end
    assert "trained with the distribution" in result.message
    assert "cut short" not in result.message
    assert judge.joined.folder in result.message
    loaded = flash.Supernet.load(judge.joined.folder, "digits", space=SPACE)
    assert loaded.score([list(result.x)]) == [result.accuracy]
    module = loaded.recalibrate(loaded.cut(list(result.x)))
    assert sum(one.numel() for one in module.parameters()) == result.params
    # what is trained is recalled, and another seed is another run beside it
    before = sorted((tmp_path / "one").iterdir())
    recalled, _ = searched(tmp_path / "one", seed=4)
    assert (recalled.x, recalled.samples, recalled.nfev) == (result.x, result.samples, result.nfev)
    assert sorted((tmp_path / "one").iterdir()) == before
    searched(tmp_path / "one", seed=5)
    assert len(list((tmp_path / "one").iterdir())) == 2


def test_a_run_that_was_interrupted_goes_on_to_the_same_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {"learning_rate": 0.5}
    whole, judge = searched(tmp_path / "whole", seed=1, options=slow)
    learn = JointTraining.learn

    def interrupted(self: Any, networks: Any, times: Any, batch: Any, at: int, *more: Any) -> None:
        if at == 30:  # in the second epoch of 23 steps
            raise KeyboardInterrupt
        learn(self, networks, times, batch, at, *more)

    monkeypatch.setattr(JointTraining, "learn", interrupted)
    cut, _ = searched(tmp_path / "part", seed=1, options=slow)
    assert cut.stopped == "interrupt"
    assert "cut short by an interrupt with the entropy at" in cut.message
    assert cut.accuracy is not None  # of the weights that were there
    assert cut.samples < whole.samples
    monkeypatch.setattr(JointTraining, "learn", learn)
    found, other = searched(tmp_path / "part", seed=1, options=slow)
    assert (found.x, found.accuracy, found.samples, found.nfev) == (
        *(whole.x, whole.accuracy, whole.samples, whole.nfev),
    )
    for key, tensor in state_of(judge)["module"].items():
        assert torch.equal(tensor, state_of(other)["module"][key]), key


def test_a_run_that_was_cut_short_may_be_let_go_on(tmp_path: Path) -> None:
    slow = {"learning_rate": 0.5}
    whole, _ = searched(tmp_path / "whole", options=slow)
    cut, _ = searched(tmp_path / "part", options={**slow, "iterations": 30})
    assert "cut short by iterations=30" in cut.message
    found, judge = searched(tmp_path / "part", options=slow)
    assert len(list((tmp_path / "part").iterdir())) == 1
    assert (found.x, found.accuracy, found.samples, found.nfev) == (
        *(whole.x, whole.accuracy, whole.samples, whole.nfev),
    )
    # an end that was passed long ago is where it is
    again, _ = searched(tmp_path / "part", options={**slow, "ends_at": 0.5})
    assert (again.x, again.samples) == (found.x, found.samples)
    assert state_of(judge)["search"]["asked"] + 1 == again.samples


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_a_killed_run_goes_on_to_the_same_answer(tmp_path: Path) -> None:
    options = {"learning_rate": 0.001, "ends_at": 0.02, "iterations": 60}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed")]
    process = subprocess.Popen(command, env=environment())
    end = time.monotonic() + 120
    while not list(tmp_path.glob("killed/joint-*/checkpoints/*.pt")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = []
    for name in ("killed", "whole"):
        judge = flash.SupernetEvaluator("digits", tmp_path / name)
        found.append(
            flash.search(SPACE, "pixel-3", method="fp-nas", evaluator=judge,
                         options={**FAST, **options})
        )  # fmt: skip
    assert len(list(tmp_path.glob("killed/joint-*"))) == 1
    first, second = found
    assert (first.x, first.accuracy, first.samples) == (second.x, second.accuracy, second.samples)


def known(monkeypatch: pytest.MonkeyPatch, space: Any, best: tuple[int, ...]) -> None:
    """Have networks weighed by how near they are to a known one, and train nothing."""

    def weigh(self: Any, networks: Any, batch: Any, iteration: int, counted: float) -> list[float]:
        return [2.0 * sum(a == b for a, b in zip(one, best, strict=True)) for one in networks]

    monkeypatch.setattr(JointTraining, "weigh", weigh)
    monkeypatch.setattr(JointTraining, "learn", lambda *_: None)


@pytest.mark.parametrize("method", ["fp-nas", "parsec"])
def test_the_distribution_becomes_sure_of_a_known_best(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hits = 0
    for seed in range(5):
        best = SPACE.encode(SPACE.decode(3 * seed))
        known(monkeypatch, SPACE, best)
        result, judge = searched(
            tmp_path / str(seed), method=method, seed=seed, options={"learning_rate": 0.5}
        )
        state = state_of(judge)["search"]
        assert state["sure"]
        if method == "parsec":
            assert state["asked"] == 6 * state["iterations"]
        else:
            assert state["asked"] < 6 * state["iterations"]
        hits += result.x == best
    assert hits >= 4


def test_answers_are_within_the_budgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = SPACE.encode(SPACE.decode(SPACE.size - 1))
    known(monkeypatch, SPACE, largest)
    costs = sorted(SPACE.decode(i).macs for i in range(SPACE.size))
    for beta in (0.0, 1.0):  # with and without the soft constraint
        result, _ = searched(
            tmp_path / str(beta), max_macs=costs[2], options={"beta": beta, "iterations": 400}
        )
        assert result.x is not None
        assert result.macs <= costs[2]
    free, _ = searched(tmp_path / "free")
    assert free.macs > costs[2]
    with pytest.raises(ArgumentError, match="budget"):
        searched(tmp_path / "none", max_macs=costs[0] - 1)


def test_the_soft_constraint_moves_the_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = SPACE.encode(SPACE.decode(SPACE.size - 1))
    known(monkeypatch, SPACE, largest)
    budget = sorted(SPACE.decode(i).macs for i in range(SPACE.size))[SPACE.size // 2]
    shares = []
    for beta in (0.0, 3.0):
        _, judge = searched(
            tmp_path / str(beta), max_macs=budget, method="parsec",
            options={"beta": beta, "learning_rate": 0.3, "ends_at": 0.0, "iterations": 120},
        )  # fmt: skip
        logits = np.array(state_of(judge)["search"]["logits"])
        free = [[k for k in group if SPACE.lengths[k] > 1] for group in SPACE.groups]
        at = Distribution([np.array(one) for one in free if one], np.array(SPACE.lengths))
        at.logits[:] = logits
        at.refresh()
        rows, _ = at.draw(np.random.default_rng(0), 200)
        shares.append(sum(SPACE.decode(tuple(row)).macs <= budget for row in rows.tolist()))
    assert shares[0] < 20  # drawn to the largest
    assert shares[1] > 100


@pytest.mark.parametrize(
    ("more", "told", "stopped"),
    [
        ({"options": {"iterations": 3}}, "cut short by iterations=3", None),
        ({"max_evals": 7}, "cut short by max_evals", "max_evals"),
        ({"time_limit_s": 1e-3}, "cut short by time_limit_s", "time_limit_s"),
    ],
)
def test_a_capped_run_says_so(
    more: dict[str, Any], told: str, stopped: str | None, tmp_path: Path
) -> None:
    result, _ = searched(tmp_path, **more)
    assert told in result.message
    assert "% of the first, where 10 % ends a search" in result.message
    assert result.stopped == stopped
    assert result.x is not None
    assert result.nfev <= more.get("max_evals", 100)


def test_a_run_capped_by_epochs_says_so(tmp_path: Path) -> None:
    judge = flash.SupernetEvaluator("digits", out=tmp_path, epochs=1, batch_size=64)
    result = flash.search(
        SPACE, "pixel-3", method="parsec", evaluator=judge,
        options={"weights": "joint", "learning_rate": 1e-3},
    )  # fmt: skip
    assert "cut short by epochs=1" in result.message
    steps = -(-719 // 64)  # images of a half, in batches
    assert result.samples == 16 * steps + 1


def test_without_joint_weights_a_capped_run_says_so_too() -> None:
    result = flash.search(
        "densenet", "rram", method="fp-nas", options={"iterations": 2}, certify=False
    )
    assert "cut short by iterations=2 with the entropy at" in result.message
    small = flash.search("densenet", "rram", method="fp-nas", seed=0, certify=False)
    assert "cut short" not in small.message


def test_warm_epochs_leave_the_distribution_alone(tmp_path: Path) -> None:
    judge = flash.SupernetEvaluator("digits", out=tmp_path, epochs=2, batch_size=64)
    flash.search(SPACE, "pixel-3", method="fp-nas", evaluator=judge, options={**FAST, "warmup": 2})
    logits = np.array(state_of(judge)["search"]["logits"])
    assert (logits[np.isfinite(logits)] == 0.0).all()


def test_a_space_of_blocks(tmp_path: Path) -> None:
    options = dict(BLOCKS.to_dict(), head=(0, 2))  # a head with dropout
    space = flash.BlockSpace.from_dict(options)
    judge = flash.SupernetEvaluator("digits", out=tmp_path, epochs=2)
    result = flash.search(space, "pixel-3", method="fp-nas", evaluator=judge, options=FAST)
    assert isinstance(result.architecture, flash.BlockNetwork)
    assert judge.joined is not None
    assert result.x is not None
    loaded = flash.Supernet.load(judge.joined.folder, "digits")
    assert loaded.score([list(result.x)]) == [result.accuracy]
    last = loaded.score(state_of(judge)["search"]["last"])
    told = f"of the {len(last)} networks within the budgets drawn last the best has accuracy "
    assert f"{told}{max(last):.4f} by these weights" in result.message


def test_the_evaluator_has_its_own_supernet_for_other_methods(tmp_path: Path) -> None:
    judge = flash.SupernetEvaluator("digits", out=tmp_path, epochs=1)
    flash.search(SPACE, "pixel-3", method="parsec", evaluator=judge, options=FAST)
    assert judge.supernet is None
    flash.search(SPACE, "pixel-3", method="random", evaluator=judge, max_evals=2)
    assert judge.supernet is not None
    assert judge.joined is not None
    assert judge.supernet.folder == str(tmp_path) != judge.joined.folder


def test_a_space_of_one_network(tmp_path: Path) -> None:
    one = flash.ResNet(widths=[4], depths=[1], cells=2, skips=WHOLE, resolution=8)
    result, _ = searched(tmp_path, one)
    assert result.x is not None
    (only,) = Distribution([], np.array([1, 1])).by_probability()
    assert only.tolist() == [[0, 0]]


# what is refused, before any work


def test_what_is_refused(tmp_path: Path) -> None:
    joint = {"weights": "joint"}
    given: dict[str, Any] = {"method": "fp-nas", "options": joint}
    judge = flash.SupernetEvaluator("digits", out=tmp_path / "x")
    with pytest.raises(ArgumentError, match="'joint' needs a SupernetEvaluator of a dataset"):
        flash.search("densenet", "rram", **given)
    with pytest.raises(ArgumentError, match=r"must be one of 'given', 'joint', got 'both'"):
        flash.search(SPACE, "pixel-3", method="parsec", options={"weights": "both"})
    with pytest.raises(ArgumentError, match="has no 'per_nat'"):
        flash.search(SPACE, "pixel-3", method="parsec", options={"per_nat": 0.25})
    with pytest.raises(ArgumentError, match=r"images'\] must be .*got -1"):
        flash.search(SPACE, "pixel-3", method="fp-nas", options={"images": -1.0})
    with pytest.raises(ArgumentTypeError, match="warmup"):
        flash.search(SPACE, "pixel-3", method="fp-nas", options={"warmup": 0.5})
    with pytest.raises(ArgumentError, match="objective must be 'accuracy' where weights"):
        flash.search(SPACE, "pixel-3", evaluator=judge, objective={"latency": -1}, **given)
    with pytest.raises(ArgumentError, match=r"at most half of the 1438 training images.*got 800"):
        flash.search(
            SPACE, "pixel-3", **given,
            evaluator=flash.SupernetEvaluator("digits", out=tmp_path / "x", batch_size=800),
        )  # fmt: skip
    with pytest.raises(
        ArgumentError, match="sampling belongs to a supernet that is trained before"
    ):
        flash.search(
            SPACE, "pixel-3", **given,
            evaluator=flash.SupernetEvaluator("digits", tmp_path / "x", sampling="single-path"),
        )  # fmt: skip
    assert not (tmp_path / "x").exists()
    _, own = searched(tmp_path / "trained")
    with pytest.raises(ArgumentError, match="got one of a trained supernet"):
        flash.search(SPACE, "pixel-3", evaluator=flash.SupernetEvaluator(own.joined), **given)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "space.json"
    SPACE.save(path)
    code = main(
        ["search", str(path), "pixel-3", "--method", "parsec", "--supernet", "digits", "--out",
         str(tmp_path / "out"), "--option", "weights=joint", "--option", "iterations=4"]
    )  # fmt: skip
    shown = capsys.readouterr().out
    assert code == 0
    assert "cut short by iterations=4" in " ".join(shown.split())
    assert len(list((tmp_path / "out").glob("joint-*/run.json"))) == 1
