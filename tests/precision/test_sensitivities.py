"""flash.sensitivities: what it measures, what it leaves alone, and what it refuses."""

from __future__ import annotations

import copy
import itertools
import json
import math
import os
import pickle
import signal
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy, mse_loss  # noqa: E402

import flash  # noqa: E402
from flash.base.lock import Lock  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402
from flash.precision.groups import groups_of  # noqa: E402
from flash.precision.losses import Judge, increase  # noqa: E402
from flash.precision.running import sensitivities as own_function  # noqa: E402
from flash.precision.table import Sensitivity  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.torch


class Net(nn.Module):
    """A convolution, a norm, a transposed, a grouped one and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.up = nn.ConvTranspose2d(8, 6, 2, stride=2)
        self.grouped = nn.Conv2d(6, 6, 3, padding=1, groups=3, bias=False)
        self.drop = nn.Dropout()
        self.last = nn.Linear(6, 4)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.norm(self.first(x)))
        x = torch.tanh(self.grouped(self.up(x)))
        return self.last(self.drop(x.mean((2, 3))))


def net() -> Net:
    torch.manual_seed(3)
    made = Net()
    made.norm.running_mean.normal_()
    return made


def data(n: int = 40) -> tuple[Any, Any]:
    draw = torch.Generator().manual_seed(5)
    return torch.randn(n, 3, 6, 6, generator=draw), torch.randint(0, 4, (n,), generator=draw)


def loss_with(module: Any, layer: str, bits: int) -> float:
    x, y = data()
    changed = flash.quantised(module, {layer: bits}, trainable=False).eval()
    with torch.no_grad():
        return float(cross_entropy(changed(x), y))


def test_each_layer_alone_at_each_number_of_bits() -> None:
    module, (x, y) = net().eval(), data()
    table = flash.sensitivities(module, (x, y), bits=(8, 2, 1), batch_size=16)
    assert table.layers == ("first", "up", "grouped", "last")
    assert table.bits == (1, 2, 8)
    assert [(row.layer, row.bits) for row in table.rows] == [
        (layer, bits) for layer in table.layers for bits in (1, 2, 8)
    ]
    with torch.no_grad():
        before = float(cross_entropy(module(x), y))
    assert table.base_loss == pytest.approx(before, rel=1e-6)
    for row in table.rows:
        grown = loss_with(module, row.layer, row.bits) - before
        assert row.loss == pytest.approx(grown, abs=1e-6)
        assert row.trace is None
    assert any(abs(row.loss) > 1e-3 for row in table.rows)


def test_layers_beside_others_with_bits() -> None:
    module, (x, y) = net().eval(), data()
    others = {"first": 3, "grouped": "2", "last": 4}
    table = flash.sensitivities(module, (x, y), bits=(2, 4), others=others)

    def loss(bits: dict[str, Any]) -> float:
        with torch.no_grad():
            return float(cross_entropy(flash.quantised(module, bits, trainable=False)(x), y))

    around = loss(others)
    assert table.base_loss == pytest.approx(around, rel=1e-6)
    assert table.others == {"first": 3, "grouped": 2, "last": 4}
    for row in table.rows:
        grown = loss({**others, row.layer: row.bits}) - around
        assert row.loss == pytest.approx(grown, abs=1e-6)
    assert next(row.loss for row in table.rows if (row.layer, row.bits) == ("last", 4)) == 0.0
    assert flash.Sensitivities.from_json(table.to_json()) == table
    assert "with bits for 3 layers" in str(table)
    assert not any("negative" in one for one in table.notes)


def test_what_a_layer_takes() -> None:
    rows = {row.layer: row for row in flash.sensitivities(net(), data(), bits=[3]).rows}
    # weights, output channels, places where they are applied
    for layer, params, scales, places in [
        ("first", 3 * 8 * 9, 8, 36),
        ("up", 8 * 6 * 4, 6, 36),
        ("grouped", 6 * 2 * 9, 6, 144),
        ("last", 24, 4, 1),
    ]:
        row = rows[layer]
        assert row.params == params
        assert row.macs == params * places
        assert row.bit_operations == 3 * row.macs
        assert row.weights_kib == (math.ceil(params * 3 / 8) + 4 * scales) / 1024
    module = net()
    rest = sum(one.numel() for one in module.parameters()) - sum(
        row.params for row in rows.values()
    )
    buffers = sum(one.numel() * one.element_size() for one in module.buffers())
    table = flash.sensitivities(module, data(), bits=[3])
    assert table.rest_kib == (4 * rest + buffers) / 1024


def test_macs_are_those_of_the_network() -> None:
    arch = flash.ResNet(depths=[1, 2], skips=[4], cells=2, resolution=8).decode(1)
    draw = np.random.default_rng(0)
    pair = (draw.normal(size=(4, 3, 8, 8)), np.array([0, 1, 2, 3]))
    table = flash.sensitivities(arch.to_torch(), pair, bits=[4])
    assert table.totals(4)["bit_operations"] == 4 * arch.macs


def test_the_hessian_s_trace() -> None:
    """A quadratic: its trace is known, and probes of signs tell a diagonal one exactly."""
    torch.manual_seed(0)
    module = nn.Linear(3, 2, bias=False)
    x = torch.diag(torch.tensor([1.0, 2.0, 3.0]))
    table = flash.sensitivities(
        module, (x, torch.zeros(3, 2)), bits=(2, 4), measure="hessian", probes=3,
        loss=lambda output, target: (output**2).sum(1),
    )  # fmt: skip
    trace = 2 * 2 * (1 + 4 + 9) / 3  # of the mean over three samples, in both rows of weights
    for row in table.rows:
        rounded = flash.quantised(module, {"Linear": row.bits}, trainable=False)
        squared = float(((rounded.weight - module.weight).detach() ** 2).sum())
        assert row.trace == pytest.approx(trace, rel=1e-6)
        assert row.squared_error == pytest.approx(squared, rel=1e-6)
        assert row.loss == pytest.approx(trace / 6 * squared / 2, rel=1e-6)
        assert row.error == pytest.approx(0.0, abs=1e-6)


def test_probes_until_a_trace_is_known_well_enough() -> None:
    torch.manual_seed(3)
    module = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
    x, y = torch.randn(20, 4), torch.arange(20) % 3
    given: dict[str, Any] = {"bits": [4], "measure": "hessian", "probes": 64, "seed": 2}
    table = flash.sensitivities(module, (x, y), tolerance=0.2, **given)
    few = flash.sensitivities(module, (x, y), **{**given, "probes": 4})
    assert any(one.error > 0.2 * abs(one.loss) for one in few.rows)
    for row in table.rows:
        assert row.error is not None
        assert row.trace is not None
        assert row.error <= 0.2 * abs(row.loss) * 1.0001

        def loss(flat: Any, layer: str = row.layer) -> Any:
            name = f"{layer}.weight"
            weights = {name: flat.reshape(module.get_parameter(name).shape)}
            outputs = torch.func.functional_call(module, weights, (x,))
            return torch.nn.functional.cross_entropy(outputs, y)

        weight = module.get_parameter(f"{row.layer}.weight").detach()
        exact = float(torch.autograd.functional.hessian(loss, weight.flatten()).trace())
        assert abs(row.trace - exact) <= 4 * 0.2 * abs(exact)
    assert flash.sensitivities(module, (x, y), tolerance=0.2, **given).rows == table.rows
    # one layer that never settles ends all the same
    hard = {**given, "probes": 2, "tolerance": 1e-6, "layers": ["0"]}
    ended = flash.sensitivities(module, (x, y), **hard)
    assert (
        ended.rows
        == flash.sensitivities(module, (x, y), **{**given, "probes": 32, "layers": ["0"]}).rows
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"tolerance": 0.1}, "tolerance is for measure 'hessian'"),
        ({"tolerance": 0.0, "measure": "hessian"}, "tolerance must be"),
        ({"tolerance": 0.1, "measure": "hessian", "probes": 1}, "probes must be at least 2 with"),
    ],
)
def test_refused_tolerances(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        flash.sensitivities(torch.nn.Linear(2, 2), (torch.ones(2, 2), torch.zeros(2)), **given)


def test_the_hessian_of_a_layer_by_autograd() -> None:
    module, (x, y) = net().eval(), data()
    table = flash.sensitivities(
        module, (x, y), bits=[4], measure="hessian", layers=["last"], probes=400, batch_size=15
    )
    weight = module.last.weight.detach().clone()

    def loss(flat: Any) -> Any:
        made = torch.func.functional_call(module, {"last.weight": flat.reshape(weight.shape)}, x)
        return cross_entropy(made, y)

    exact = float(torch.autograd.functional.hessian(loss, weight.flatten()).trace())
    row = table.rows[0]
    assert row.trace is not None
    assert row.error is not None
    spread = row.error / (row.squared_error / row.params / 2)
    assert abs(row.trace - exact) < 4 * spread < 0.5 * exact


def test_attention_recurrence_and_shared_weights() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(20, 8)
            self.memory = nn.LSTM(8, 4, batch_first=True, bidirectional=True)
            self.block = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
            self.out = nn.Linear(8, 20, bias=False)
            self.out.weight = self.embed.weight

        def forward(self, words: Any) -> Any:
            return self.out(self.block(self.memory(self.embed(words))[0]))

    torch.manual_seed(1)
    module, words = Words(), torch.randint(0, 20, (6, 5))
    pair = ({"words": words}, words.roll(-1, 1))
    table = flash.sensitivities(module, pair, bits=[2])
    assert table.layers == (
        "embed", "memory", "block.self_attn", "block.self_attn.out_proj", "block.linear1",
        "block.linear2",
    )  # fmt: skip
    rows = {row.layer: row for row in table.rows}
    assert rows["memory"].params == 2 * (4 * 4 * 8 + 4 * 4 * 4)
    assert all(row.macs == 5 * row.params for row in table.rows)  # of five words
    assert table.left == ("out (it has the weight of 'embed', and its bits)",)
    twin = flash.quantised(module, {"embed": 2}, trainable=False)
    assert twin.out.weight is twin.embed.weight
    with torch.no_grad():
        module.eval()
        losses = [
            float(cross_entropy(one.eval()(words).movedim(-1, 1), words.roll(-1, 1)))
            for one in (module, twin)
        ]
    assert rows["embed"].loss == pytest.approx(losses[1] - losses[0], abs=1e-5)
    hessian = flash.sensitivities(
        module, pair, bits=[2], measure="hessian", layers=["block.linear1"]
    )
    assert hessian.rows[0].trace is not None


def state_of(module: Any) -> Any:
    return (
        {name: (id(one), one.detach().clone()) for name, one in module.state_dict().items()},
        {name: (one.grad, one.requires_grad, id(one)) for name, one in module.named_parameters()},
        {name: one.training for name, one in module.named_modules()},
        {
            name: (dict(one._forward_hooks), dict(one._forward_pre_hooks))
            for name, one in module.named_modules()
        },
    )


@pytest.mark.parametrize("measure", ["loss", "hessian"])
def test_the_module_is_left_as_it_was(measure: str) -> None:
    module, (x, y) = net(), data()
    module.first.weight.requires_grad_(False)
    module.norm.eval()
    cross_entropy(module(x), y).backward()
    module.last.register_forward_hook(lambda *given: None)
    grads = {name: one.grad for name, one in module.named_parameters()}
    kept = {name: None if g is None else g.clone() for name, g in grads.items()}
    before, random = state_of(module), torch.get_rng_state()
    flash.sensitivities(module, (x, y), bits=(2, 3), measure=measure, probes=2)
    after = state_of(module)
    assert torch.equal(torch.get_rng_state(), random)
    for name, (_, value) in before[0].items():
        assert torch.equal(after[0][name][1], value)
    for name, (grad, asked, place) in before[1].items():
        assert after[1][name][0] is grad
        assert after[1][name][1:] == (asked, place)
        assert grad is None or torch.equal(grad, kept[name])
    assert after[2:] == before[2:]


def test_the_same_seed_gives_the_same_table() -> None:
    for measure in ("loss", "hessian"):
        one, other = (
            flash.sensitivities(net(), data(), bits=(2, 4), measure=measure, probes=3, seed=7)
            for _ in range(2)
        )
        assert one.rows == other.rows
    again = flash.sensitivities(net(), data(), bits=(2, 4), measure="hessian", probes=3, seed=8)
    assert [row.trace for row in again.rows] != [row.trace for row in other.rows]


def test_data_in_every_form() -> None:
    x, y = data()
    whole = flash.sensitivities(net(), (x, y), bits=[2], batch_size=10)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=10)
    pairs = [(x[n : n + 10], y[n : n + 10]) for n in range(0, 40, 10)]
    forms: list[Any] = [
        [x, y], (x.numpy().astype(float), y.numpy()), pairs, iter(pairs), loader, loader.dataset,
        [((x,), y)], [({"x": x}, y)],
    ]  # fmt: skip
    for form in forms:
        found = flash.sensitivities(net(), form, bits=[2], batch_size=10)
        assert found.samples == 40
        for row, same in zip(found.rows, whole.rows, strict=True):
            assert row.loss == pytest.approx(same.loss, abs=1e-6)
            assert row.error == pytest.approx(same.error, rel=1e-3)


def test_losses_of_one_s_own() -> None:
    x, y = data()
    plain = flash.sensitivities(net(), (x, y), bits=[2], batch_size=10)
    mean = flash.sensitivities(net(), (x, y), bits=[2], batch_size=10, loss=cross_entropy)
    each = flash.sensitivities(
        net(), (x, y), bits=[2], batch_size=10,
        loss=lambda o, t: cross_entropy(o, t, reduction="none"),
    )  # fmt: skip
    once = flash.sensitivities(net(), (x, y), bits=[2], batch_size=40, loss=cross_entropy)
    for rows in zip(plain.rows, mean.rows, each.rows, once.rows, strict=True):
        assert [row.loss for row in rows] == pytest.approx([rows[0].loss] * 4, abs=1e-6)
        assert rows[2].error == pytest.approx(rows[0].error)
        assert rows[1].error is not None
        assert rows[3].error is None
    assert "no standard errors" in once.notes[0]
    wanted = torch.randn(40, 4)
    table = flash.sensitivities(net(), (x, wanted), bits=[2])
    assert table.base_loss == pytest.approx(
        float(mse_loss(net().eval()(x), wanted).detach()), rel=1e-5
    )


def test_the_standard_error_is_that_of_paired_samples() -> None:
    draw = np.random.default_rng(2)
    one, two = torch.from_numpy(draw.normal(size=(2, 50)))
    growth, error = increase((one, torch.ones(50)), (two, torch.ones(50)))
    differences = (two - one).numpy()
    assert growth == pytest.approx(differences.mean())
    assert error == pytest.approx(differences.std(ddof=1) / 50**0.5)


def test_noise_and_negative_growth_are_kept_and_told() -> None:
    table = flash.sensitivities(net(), data(), bits=(2, 3, 8))
    assert any(row.loss < 0 for row in table.rows)
    unsure = [row for row in table.rows if row.noise]
    assert unsure
    assert all(abs(row.loss) < 2 * row.error for row in unsure if row.error is not None)
    told = " ".join(table.notes)
    assert f"{len(unsure)} of {len(table.rows)} losses are below 2 standard errors" in told
    assert f"{table.noise:.2g} are noise" in told
    assert f"{sum(row.loss < 0 for row in table.rows)} losses are negative, and kept" in told
    assert str(table).count("(") >= len(unsure)


def test_totals() -> None:
    table = flash.sensitivities(net(), data(), bits=(2, 3))
    mixed = {"first": 2, "up": 3, "grouped": 2, "last": 3}
    chosen = [row for row in table.rows if mixed[row.layer] == row.bits]
    for name, value in table.totals(mixed).items():
        assert value == sum(getattr(row, name) for row in chosen)
    assert table.totals(2) == table.totals(dict.fromkeys(table.layers, "2"))
    with pytest.raises(ArgumentError, match="'up' has none"):
        table.totals({"first": 2})
    with pytest.raises(ArgumentError, match="'first' was not measured with 4 bits"):
        table.totals(4)
    with pytest.raises(ArgumentError, match="no layer 'frist' to quantise; did you mean 'first'"):
        table.totals({"frist": 2})


def test_round_trips(tmp_path: Path) -> None:
    table = flash.sensitivities(net(), data(), bits=(2, 3), measure="hessian", probes=2)
    path = tmp_path / "table.json"
    assert flash.Sensitivities.from_json(table.to_json(path)) == table
    assert flash.Sensitivities.from_json(path) == table
    text = table.to_csv(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == text
    lines = text.splitlines()
    assert lines[0].split(",") == list(Sensitivity.field_names)
    assert len(lines) == 1 + len(table.rows)
    assert float(lines[1].split(",")[2]) == table.rows[0].loss
    frame = table.to_frame()
    assert frame["loss"].tolist() == [row.loss for row in table.rows]
    assert pickle.loads(pickle.dumps(table)) == table
    assert len({table, copy.deepcopy(table)}) == 1
    plain = table.to_dict()
    for change, told in [
        ({"measure": "x"}, "measure"),
        ({"rows": plain["rows"][1:]}, "each layer once"),
        ({"rows": plain["rows"] * 2}, "each layer once"),
        ({"rows": []}, "each layer once"),
        ({"rows": [{**plain["rows"][0], "loss": "x"}]}, r"rows\[0\].loss"),
        ({"format": 2}, "format"),
    ]:
        with pytest.raises(FormatError, match=told):
            flash.Sensitivities.from_dict({**plain, **change})


def test_the_problem_and_its_answer() -> None:
    """The best bits for a size: those that complete enumeration finds."""
    table = flash.sensitivities(net(), data(), bits=(2, 3, 5))
    problem = table.problem()
    assert problem.groups == table.layers
    assert problem.metrics == ("loss", "weights_kib", "bit_operations", "params")
    budget = table.totals(3)["weights_kib"]
    answer = flash.choose(problem, minimize="loss", where=f"weights_kib <= {budget}")
    assert answer.proven
    every = [
        table.totals(dict(zip(table.layers, bits, strict=True)))
        for bits in itertools.product(table.bits, repeat=len(table.layers))
    ]
    best = min(one["loss"] for one in every if one["weights_kib"] <= budget)
    assert table.totals(answer)["loss"] == pytest.approx(best, abs=1e-12)
    assert answer.metrics is not None
    assert table.totals(answer) == pytest.approx(dict(answer.metrics))
    twin = flash.quantised(net(), answer)
    assert answer.choices is not None
    assert f"bits={answer.choices['last']}" in repr(twin.last)
    nothing = flash.choose(problem, minimize="loss", where="weights_kib <= 0.001")
    with pytest.raises(ArgumentError, match="got an answer that is INFEASIBLE"):
        flash.quantised(net(), nothing)


# Resuming


def test_an_interrupted_call_goes_on(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    whole = flash.sensitivities(net(), data(), bits=(2, 4), measure="hessian", probes=2)
    calls = 0

    def loss(output: Any, target: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt
        return cross_entropy(output, target)

    def run() -> Any:
        return flash.sensitivities(
            net(), data(), bits=(2, 4), measure="hessian", probes=2, loss=loss, journal=journal
        )

    stop = 5  # one for the loss before, one for the counts, one for each layer
    with pytest.raises(KeyboardInterrupt) as caught:
        run()
    assert "2 of 4 layers are finished" in caught.value.__notes__[0]
    assert len(journal.read_text().splitlines()) == 3
    with journal.open("a") as file:
        file.write('{"rows": [{"la')  # as a kill leaves it
    stop, calls = -1, 0
    found = run()
    assert calls == 4  # two layers, not four
    assert [row.trace for row in found.rows] == pytest.approx([row.trace for row in whole.rows])
    calls = 0
    assert run().rows == found.rows
    assert calls == 2


def test_a_journal_of_something_else(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    module, (x, y) = net(), data()
    flash.sensitivities(module, (x, y), bits=(2, 4), journal=journal)
    kept = journal.read_bytes()
    changed = net()
    with torch.no_grad():
        changed.norm.running_mean += 1e-6
    others: list[tuple[str, Any, dict[str, Any]]] = [
        ("module", changed, {}),
        ("data", module, {"data": (x + 1, y)}),
        ("bits", module, {"bits": (2, 3)}),
        ("seed", module, {"seed": 1}),
        ("measure", module, {"measure": "hessian"}),
        ("loss", module, {"loss": "cross-entropy"}),
        ("others", module, {"others": {"up": 2}}),
    ]
    for name, one, changes in others:
        given = {"data": (x, y), "bits": (2, 4), **changes}
        with pytest.raises(ArgumentError, match=f"journal must be of the same {name}"):
            flash.sensitivities(one, **given, journal=journal)
    assert journal.read_bytes() == kept
    for text in ("{}\n", "[]\n", json.dumps({"format": 1, "space": 3}) + "\n", "no\n"):
        journal.write_text(text)
        with pytest.raises(FormatError):
            flash.sensitivities(module, (x, y), bits=(2, 4), journal=journal)
        assert journal.read_text() == text


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with Lock(f"{journal}.lock", "it"), pytest.raises(ArgumentError, match="in use by process"):
        flash.sensitivities(net(), data(), journal=journal)
    assert not journal.exists()
    with pytest.raises(OSError, match="nowhere"):
        flash.sensitivities(net(), data(), journal=tmp_path / "nowhere" / "j")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.processes
def test_a_kill_loses_no_layer(tmp_path: Path) -> None:
    """A child is killed while it measures the third layer."""
    import multiprocessing

    journal = tmp_path / "journal.jsonl"
    child = multiprocessing.get_context("spawn").Process(target=killed, args=(str(journal),))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert len(journal.read_text().splitlines()) == 3
    found = flash.sensitivities(net(), data(), bits=[2], loss=deadly, journal=journal)
    assert found.layers == ("first", "up", "grouped", "last")
    assert list(tmp_path.iterdir()) == [journal]


ALIVE = 5  # calls: the loss before, the counts, two layers


def deadly(output: Any, target: Any) -> Any:
    global ALIVE
    ALIVE -= 1
    if ALIVE == 0 and os.environ.get("FLASH_TEST_DEADLY"):
        os.kill(os.getpid(), signal.SIGKILL)
    return cross_entropy(output, target)


def killed(journal: str) -> None:
    os.environ["FLASH_TEST_DEADLY"] = "1"
    flash.sensitivities(net(), data(), bits=[2], loss=deadly, journal=journal)


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    flash.sensitivities(net(), data(), bits=(2, 4), progress=True)
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("sensitivities: 4 of 4 layers, last: ")
    assert "at 2 bits" in last
    flash.sensitivities(net(), data(), bits=[2])
    assert capsys.readouterr().err == ""


# What is refused


class Angry(nn.Linear):
    def forward(self, x: Any) -> Any:
        raise RuntimeError("no such luck")


def lazy() -> Any:
    return nn.LazyLinear(3)


def hostile() -> Any:
    module = net()
    module.__dict__["held"] = torch.ones(1, requires_grad=True) * 2  # no leaf: not copied
    return module


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"module": "x"}, "module must be a torch.nn.Module, got 'x'"),
        ({"module": lambda: nn.ReLU()}, "module must have a layer to quantise"),
        ({"module": lambda: nn.BatchNorm2d(3)}, "module must have a layer to quantise"),
        ({"module": lazy}, "module must have its weights, but 'weight' has none"),
        ({"module": lambda: nn.Linear(3, 3, device="meta")}, "module must have its weights"),
        ({"module": lambda: torch.jit.script(nn.Linear(3, 3))}, "scripted by torch.jit"),
        ({"module": hostile}, "module must be one that copy.deepcopy copies"),
        ({"module": lambda: Angry(3, 3)}, "data: Angry refuses batch 0, inputs of .*no such luck"),
        ({"module": lambda: nn.Linear(5, 5)}, "data: Linear refuses batch 0, inputs of"),
        ({"data": None}, "data must be a pair"),
        ({"data": "digits"}, "data must be a pair"),
        ({"data": []}, "data must hold a batch, got an empty list"),
        ({"data": iter(())}, "data must hold a batch"),
        ({"data": (torch.zeros(0, 3, 6, 6), torch.zeros(0).long())}, "data must hold a sample"),
        ({"data": (torch.zeros(3, 3, 6, 6), torch.zeros(2).long())}, "a target for each input"),
        ({"data": [torch.zeros(3, 3, 6, 6)]}, "batch 0 must be a pair"),
        ({"data": (np.array(["a"]), np.array([1]))}, "data must hold numbers"),
        ({"data": (torch.zeros(2, 3, 6, 6), torch.tensor([0, 9]))}, "data: Net refuses batch 0"),
        ({"data": (torch.zeros(2, 3, 6, 6), torch.zeros(2))}, "targets must be of the module's"),
        ({"data": (torch.full((2, 3, 6, 6), math.nan), torch.tensor([0, 1]))}, "must be finite"),
        ({"bits": ()}, "bits must hold a number"),
        ({"bits": (0, 2)}, r"bits\[0\] must be an integer .*got 0"),
        ({"bits": (2, 17)}, r"bits\[1\] must be an integer .*got 17"),
        ({"bits": (2, 2)}, "bits must hold no number twice"),
        ({"bits": 4}, "bits must be a list"),
        ({"bits": (2.0,)}, r"bits\[0\] must be an integer"),
        ({"measure": "hesian"}, "did you mean 'hessian'"),
        ({"loss": "crossentropy"}, "did you mean 'cross-entropy'"),
        ({"loss": lambda o, t: "x"}, "loss must return a number"),
        ({"loss": lambda o, t: o}, "loss must return a number, or one for each"),
        ({"loss": lambda o, t: float("nan")}, "must be finite, got nan"),
        ({"layers": ["fist"]}, r"layers\[0\]: no layer 'fist' .*did you mean 'first'"),
        ({"layers": []}, "layers must name a layer"),
        ({"layers": [3]}, r"layers\[0\] must be a name"),
        ({"others": {"fist": 2}}, "others: no layer 'fist' .*did you mean 'first'"),
        ({"others": {}}, "others must name a layer"),
        ({"others": 3}, "others must be an answer"),
        ({"others": {"first": 2}, "measure": "hessian"}, "others cannot be used with measure"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"probes": 0}, "probes must be"),
        ({"seed": -1}, "seed must be"),
        ({"progress": 1}, "progress must be True, False or 'auto'"),
        ({"journal": 5}, "journal must be a path"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_bad_input(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    good: dict[str, Any] = {"module": net, "data": data(8), "bits": [2], "journal": journal}
    given = {**good, **change}
    given["module"] = given["module"]() if callable(given["module"]) else given["module"]
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        flash.sensitivities(**given)
    assert not journal.exists() or len(journal.read_text().splitlines()) == 1


def test_a_loss_that_rounding_makes_infinite() -> None:
    def loss(output: Any, target: Any) -> Any:
        return torch.where(output.abs().sum() == exact, 1.0, math.inf)

    module = net().eval()
    x, y = data(8)
    with torch.no_grad():
        exact = module(x).abs().sum()
    with pytest.raises(ArgumentError, match="the loss with 'first' at 2 bits must be finite"):
        flash.sensitivities(module, (x, y), bits=(2, 3), loss=loss)


def test_a_module_without_second_derivatives() -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(context: Any, gradient: Any) -> Any:
            return gradient * 2

    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            return self.b(Once.apply(self.a(x)))

    x = torch.randn(4, 3)
    with pytest.raises(ArgumentError, match="needs second derivatives"):
        flash.sensitivities(First(), (x, torch.tensor([0, 1, 2, 0])), measure="hessian")


def test_a_layer_that_is_not_used() -> None:
    module = net()
    module.spare = nn.Linear(2, 2)
    for measure in ("loss", "hessian"):
        table = flash.sensitivities(module, data(), bits=[2], measure=measure, probes=2)
        row = table.rows[-1]
        assert (row.layer, row.loss, row.macs) == ("spare", 0.0, 0)
        assert any("no multiply-accumulates in spare" in one for one in table.notes)


def test_what_has_its_weight_from_elsewhere_is_told() -> None:
    module = net()
    nn.utils.parametrizations.weight_norm(module.last)
    table = flash.sensitivities(module, data(), bits=[2])
    assert table.left == ("last (its weight is made by a parametrization)",)
    with pytest.raises(ArgumentError, match="no layer 'last' to quantise: its weight is made by"):
        flash.sensitivities(module, data(), bits=[2], layers=["last"])
    assert len(groups_of(module)[0]) == 3


def test_the_judge_needs_no_gradients_of_the_copy() -> None:
    judge = Judge(net(), [(*data(), 40)], None, 0)
    sums, counts = judge.units()
    assert not sums.requires_grad
    assert float(counts.sum()) == 40.0
    assert own_function.__module__ == "flash"


CASES: dict[str, Callable[[], Any]] = {
    "one layer": lambda: flash.sensitivities(
        nn.Linear(3, 4), (torch.randn(9, 3), torch.arange(9) % 4)
    ),
    "many": lambda: flash.sensitivities(
        nn.Sequential(*(nn.Linear(3, 3) for _ in range(30))),
        (torch.randn(9, 3), torch.arange(9) % 3),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_screen(name: str) -> None:
    table = CASES[name]()
    lines = str(table).splitlines()
    assert len(lines) < 45
    assert f"{len(table.layers)} layers" in lines[0]
    assert ("... 6 more ..." in str(table)) == (name == "many")
    assert "<table>" in table._repr_html_()
