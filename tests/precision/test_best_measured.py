"""flash.best_measured: whole choices of bits measured, the best of them, and what is refused."""

from __future__ import annotations

import itertools
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402

import flash  # noqa: E402
from flash.base.lock import Lock  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.torch
LAYERS = ("first", "up", "last")
CHOICES = [dict(zip(LAYERS, bits, strict=True)) for bits in itertools.product((1, 2, 4), repeat=3)]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.up = nn.ConvTranspose2d(6, 5, 2, stride=2)
        self.last = nn.Linear(5, 4)

    def forward(self, x: Any) -> Any:
        return self.last(torch.tanh(self.up(torch.relu(self.first(x)))).mean((2, 3)))


def net() -> Net:
    torch.manual_seed(3)
    return Net()


def data() -> tuple[Any, Any]:
    draw = torch.Generator().manual_seed(5)
    return torch.randn(40, 3, 6, 6, generator=draw), torch.randint(0, 4, (40,), generator=draw)


def losses(module: Any, bits: dict[str, int]) -> Any:
    """Return each sample's loss, by the public module of these bits."""
    x, y = data()
    changed = flash.quantised(module, bits, trainable=False).eval() if bits else module.eval()
    with torch.no_grad():
        return cross_entropy(changed(x), y, reduction="none").double()


def test_every_choice_is_measured_as_its_module() -> None:
    module = net()
    found = flash.best_measured(module, data(), CHOICES, batch_size=16)
    before = losses(module, {})
    own = [losses(module, bits) for bits in CHOICES]
    assert found.base_loss == pytest.approx(float(before.mean()), rel=1e-6)
    assert [found.rows[n].loss for n in range(27)] == sorted(row.loss for row in found.rows)
    assert sorted(row.place for row in found.rows) == list(range(27))
    for row in found.rows:
        grown = own[row.place] - before
        assert row.choices == CHOICES[row.place]
        assert row.loss == pytest.approx(float(grown.mean()), abs=1e-6)
        assert row.error == pytest.approx(float(grown.std()) / 40**0.5, rel=1e-4)
    best = min(range(27), key=lambda n: float(own[n].mean()))
    assert best  # the first is not the best: a gain
    gain = own[0] - own[best]
    assert found.choices == CHOICES[best]
    assert found.loss == found.rows[0].loss
    assert found.gain == pytest.approx(float(gain.mean()), abs=1e-6)
    assert found.gain_error == pytest.approx(float(gain.std()) / 40**0.5, rel=1e-4)


def test_some_layers_keep_their_weights() -> None:
    module = net()
    given = [{"first": 1, "last": 2}, {"up": "2"}, {"first": 1}]
    found = flash.best_measured(module, data(), given)
    before = losses(module, {})
    for row in found.rows:
        grown = losses(module, given[row.place]) - before
        assert row.loss == pytest.approx(float(grown.mean()), abs=1e-6)
    assert [row.choices for row in found.rows if row.place == 1] == [{"up": 2}]


def test_an_answer_stands_for_its_alternatives_and_twins_are_measured_once() -> None:
    module = net()
    table = flash.sensitivities(module, data(), bits=(1, 2, 4))
    budget = table.totals(2)["weights_kib"]
    where = f"weights_kib <= {budget}"
    answer = flash.choose(table.problem(), minimize="loss", where=where, k=6)
    assert answer.choices is not None
    assert len(answer.alternatives) == 5
    calls = 0

    def counting(output: Any, target: Any) -> Any:
        nonlocal calls
        calls += 1
        return cross_entropy(output, target, reduction="none")

    uniform = dict.fromkeys(table.layers, 2)
    given = [answer, uniform, answer.choices]
    found = flash.best_measured(module, data(), given, loss=counting)
    listed = [dict(answer.choices), *(dict(one.choices) for one in answer.alternatives)]
    wanted = {tuple(int(str(bits)) for bits in one.values()) for one in listed} | {(2, 2, 2)}
    assert {tuple(row.choices.values()) for row in found.rows} == wanted
    again = 2 if found.rows[0].place else 0  # the best and the first side by side
    assert calls == 1 + len(wanted) + again
    assert all(table.totals(row.choices)["weights_kib"] <= budget for row in found.rows)
    alone = flash.best_measured(module, data(), answer)
    assert len(alone) == 6
    # it is itself taken where choices are
    assert flash.best_measured(module, data(), [found, answer]).choices == found.choices
    around = flash.sensitivities(module, data(), bits=(1, 2), others=found)
    assert around.others == found.choices
    assert around.base_loss == pytest.approx(found.base_loss + found.loss, rel=1e-6)
    assert flash.quantised(module, found)(data()[0]).shape == (40, 4)


def test_of_one_there_is_no_gain() -> None:
    module = net()
    before = {name: one.clone() for name, one in module.state_dict().items()}
    found = flash.best_measured(module.train(), data(), {"first": 2})
    assert (found.gain, found.gain_error, len(found)) == (0.0, 0.0, 1)
    assert module.training
    assert all(torch.equal(one, before[name]) for name, one in module.state_dict().items())


def test_it_prints() -> None:
    found = flash.best_measured(net(), data(), CHOICES)
    lines = str(found).splitlines()
    assert lines[0].startswith("27 choices of bits measured on 40 samples, loss ")
    assert "and 17 more" in lines
    assert repr(found) == str(found)
    assert found._repr_html_().count("<tr>") == 11


def test_round_trips(tmp_path: Path) -> None:
    found = flash.best_measured(net(), data(), CHOICES[:4])
    path = tmp_path / "found.json"
    assert flash.MeasuredChoices.from_json(found.to_json(path)) == found
    assert flash.MeasuredChoices.from_json(path) == found
    assert hash(flash.MeasuredChoices.from_dict(found.to_dict())) == hash(found)
    assert pickle.loads(pickle.dumps(found)) == found
    one = flash.best_measured(net(), (data()[0][:1], data()[1][:1]), CHOICES[:2])
    assert one.rows[0].error is None
    assert flash.MeasuredChoices.from_json(one.to_json()) == one
    for change, told in [
        ({"rows": []}, "rows must hold a choice"),
        ({"rows": found.to_dict()["rows"][::-1]}, "in the order of their losses"),
        ({"gain": "1"}, "gain"),
        ({"more": 1}, "more"),
        ({"rows": [{**found.rows[0].to_dict(), "choices": {"up": 17}}]}, "17"),
    ]:
        with pytest.raises(FormatError, match=told):
            flash.MeasuredChoices.from_dict({**found.to_dict(), **change})
    with pytest.raises(FormatError, match="measured choices of bits"):
        flash.Sensitivities.from_json(path)


def test_a_frame() -> None:
    pytest.importorskip("pandas")
    found = flash.best_measured(net(), data(), [*CHOICES[:2], {"up": 4}])
    frame = found.to_frame()
    assert list(frame["loss"]) == [row.loss for row in found.rows]
    assert {"place", "error", *LAYERS} <= {*frame.columns}
    assert set(frame["up"]) == {1, 4}


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    flash.best_measured(net(), data(), CHOICES[:3], progress=True)
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("measuring: 3 of 3 candidates, candidate 2: ")
    flash.best_measured(net(), data(), CHOICES[:3])
    assert capsys.readouterr().err == ""


# Resuming


def test_an_interrupted_call_goes_on(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    whole = flash.best_measured(net(), data(), CHOICES[:5])
    calls = 0

    def loss(output: Any, target: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == stop:
            raise KeyboardInterrupt
        return cross_entropy(output, target, reduction="none")

    def run(candidates: Any) -> Any:
        return flash.best_measured(net(), data(), candidates, loss=loss, journal=journal)

    stop = 4  # one for the loss before, two choices
    with pytest.raises(KeyboardInterrupt) as caught:
        run(CHOICES[:5])
    assert "2 of 5 choices are measured" in caught.value.__notes__[0]
    assert len(journal.read_text().splitlines()) == 3
    with journal.open("a") as file:
        file.write('{"choices": {"fi')  # as a kill leaves it
    stop, calls = -1, 0
    found = run(CHOICES[:5])
    assert found.rows == whole.rows
    assert (found.gain, found.gain_error) == (whole.gain, whole.gain_error)
    again = 2 if found.rows[0].place else 0
    assert calls == 1 + 3 + again
    calls = 0
    more = run(CHOICES[3:7])  # others: what is there is not measured again
    assert calls == 1 + 2 + (2 if more.rows[0].place else 0)
    assert more.rows == flash.best_measured(net(), data(), CHOICES[3:7]).rows


def test_a_journal_of_something_else(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    module, (x, y) = net(), data()
    flash.best_measured(module, (x, y), CHOICES[:2], journal=journal)
    kept = journal.read_bytes()
    changed = net()
    with torch.no_grad():
        changed.last.bias += 1e-3
    others: list[tuple[str, Any, dict[str, Any]]] = [
        ("module", changed, {}),
        ("data", module, {"data": (x + 1, y)}),
        ("seed", module, {"seed": 1}),
        ("loss", module, {"loss": "cross-entropy"}),
    ]
    for name, one, changes in others:
        given = {"data": (x, y), "candidates": CHOICES[:2], **changes}
        with pytest.raises(ArgumentError, match=f"journal must be of the same {name}"):
            flash.best_measured(one, **given, journal=journal)
    with pytest.raises(FormatError, match="no journal of sensitivities"):
        flash.sensitivities(module, (x, y), journal=journal)
    assert journal.read_bytes() == kept
    head = kept.splitlines()[0].decode()
    for line in (
        "{}",
        '{"choices": {"up": 2.5}, "loss": 1.0, "error": null}',
        '{"choices": {"up": 2}, "loss": "1", "error": null}',
        json.dumps({"rows": []}),
    ):
        journal.write_text(f"{head}\n{line}\n")
        with pytest.raises(FormatError, match="line 2 must hold a choice with its loss"):
            flash.best_measured(module, (x, y), CHOICES[:2], journal=journal)
    with Lock(f"{journal}.lock", "it"), pytest.raises(ArgumentError, match="in use by process"):
        flash.best_measured(module, (x, y), CHOICES[:2], journal=journal)


# What is refused


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"candidates": []}, ArgumentError, "candidates must hold a choice of bits, got none"),
        ({"candidates": {}}, ArgumentError, "candidates must name a layer, got none"),
        ({"candidates": 3}, ArgumentTypeError, "candidates must be a list, got 3"),
        ({"candidates": [3]}, ArgumentTypeError, r"candidates\[0\] must be an answer"),
        ({"candidates": [{"up": 2}, {"fist": 2}]}, ArgumentError, r"candidates\[1\].*'first'"),
        ({"candidates": [{"up": 17}]}, ArgumentError, r"candidates\[0\]\['up'\] must be"),
        ({"module": 3}, ArgumentTypeError, "module must be a torch.nn.Module"),
        ({"data": []}, ArgumentError, "data must hold a batch"),
        ({"loss": "hinge"}, ArgumentError, "loss must be"),
        ({"batch_size": 0}, ArgumentError, "batch_size must be"),
        ({"seed": -1}, ArgumentError, "seed must be"),
        ({"progress": 2}, ArgumentTypeError, "progress must be"),
        ({"data": (torch.full((4, 3, 6, 6), float("nan")), torch.zeros(4).long())},
         ArgumentError, "as it is must be finite"),
    ],
)  # fmt: skip
def test_bad_input(
    change: dict[str, Any], kind: type[Exception], told: str, tmp_path: Path
) -> None:
    given = {"module": net(), "data": data(), "candidates": CHOICES[:2], **change}
    with pytest.raises(kind, match=told):
        flash.best_measured(**given, journal=tmp_path / "journal.jsonl")


def test_an_answer_without_choices() -> None:
    table = flash.sensitivities(net(), data(), bits=(2, 4))
    nothing = flash.choose(table.problem(), minimize="loss", where="weights_kib <= 0.001")
    with pytest.raises(ArgumentError, match=r"candidates must name bits .* is INFEASIBLE"):
        flash.best_measured(net(), data(), nothing)


def test_a_loss_that_rounding_makes_infinite() -> None:
    module = nn.Sequential(nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        module[0].weight.copy_(torch.tensor([[1.0, 0.2], [1.0, 0.2]]))

    def loss(output: Any, target: Any) -> Any:
        return (1.0 / output[:, 0]).log().abs().mean()

    x, y = torch.tensor([[0.0, 1.0]] * 3), torch.zeros(3)
    with pytest.raises(ArgumentError, match="the loss with candidate 1 must be finite"):
        flash.best_measured(module, (x, y), [{"0": 8}, {"0": 2}], loss=loss)
