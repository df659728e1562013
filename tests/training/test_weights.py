"""Weights that flash.train keeps: which, as what bytes, and back into a module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

import numpy as np  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402
from flash.networks.weights import ABOUT, read_weights, weights_facts, write_weights  # noqa: E402
from flash.training import TrainingError, TrainingResult, load_images  # noqa: E402

if TYPE_CHECKING:
    from twins.processes import Run

pytestmark = pytest.mark.torch

TINY = {"family": "densenet", "widths": [4, 6], "depths": [2], "skips": [0, 4], "cells": 2}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "weights").iterdir())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    folder = tmp_path_factory.mktemp("weights") / "run"
    return flash.train(TINY, "digits", 3, epochs=2, workers=1, out=folder, keep_weights=True)


def test_weights_judge_to_the_accuracy_that_was_recorded(run: TrainingResult) -> None:
    images = load_images("digits", 8)
    for one in run.samples:
        module = one.architecture.to_torch(weights=run.weights(one.index))
        with torch.inference_mode():
            answers = module(images.test[0]).argmax(1)
        assert float((answers == images.test[1]).double().mean()) == one.accuracy
        assert all(torch.equal(a, b) for a, b in zip(
            run.to_torch(one.index).state_dict().values(), module.state_dict().values(), strict=True
        ))  # fmt: skip
    facts = weights_facts(run.weights())
    assert facts["network"] == run.best.architecture.to_dict()
    assert facts["accuracy"] == run.best.accuracy == max(run.accuracies)
    assert (facts["mean"], facts["deviation"]) == (images.mean, images.deviation)
    assert facts["dataset"]["name"] == "digits"
    assert run.best.loss == min(
        one.loss for one in run.samples if one.accuracy == facts["accuracy"]
    )


def test_only_the_best_are_kept(run: TrainingResult, tmp_path: Path) -> None:
    out = tmp_path / "best"
    found = flash.train(TINY, "digits", 2, epochs=2, workers=2, out=out, keep_weights="best")
    first = found.best
    assert names(out) == [f"best-{first.index:04d}-0.npz"]
    # More networks, then fewer: always those of the best that was asked for.
    more = flash.train(TINY, "digits", 3, epochs=2, workers=1, out=out, keep_weights="best")
    assert more.best.accuracy == run.best.accuracy
    assert names(out) == [f"best-{run.best.index:04d}-0.npz"]
    one = (out / "weights" / names(out)[0]).read_bytes()
    assert one == Path(run.weights()).read_bytes()
    if first.index != more.best.index:
        flash.train(TINY, "digits", 2, epochs=2, workers=1, out=out, keep_weights="best")
        assert names(out) == [f"best-{first.index:04d}-0.npz"]


def test_missing_weights_are_trained_again(run: TrainingResult, tmp_path: Path) -> None:
    out = tmp_path / "late"
    without = flash.train(TINY, "digits", 3, epochs=2, workers=1, out=out)
    with pytest.raises(ArgumentError, match=r"weights of network . were not kept .*--keep-weights"):
        without.to_torch()
    lines = (out / "results.jsonl").read_text()
    flash.train(TINY, "digits", 3, epochs=2, workers=1, out=out, keep_weights="best")
    assert names(out) == [f"best-{run.best.index:04d}-0.npz"]
    flash.train(TINY, "digits", 3, epochs=2, workers=2, out=out, keep_weights=True)
    assert (out / "results.jsonl").read_text() == lines
    for one in run.samples:
        kept = (out / "weights" / f"{one.index:04d}-0.npz").read_bytes()
        assert kept == Path(run.weights(one.index)).read_bytes()
    # What comes out otherwise is of another machine, and is said.
    (out / "weights" / "0001-0.npz").unlink()
    other = [json.loads(line) for line in lines.splitlines()]
    other[1]["accuracy"] = 0.5
    (out / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in other))
    number = other[1]["index"]
    (out / "weights" / f"{number:04d}-0.npz").unlink(missing_ok=True)
    with pytest.raises(TrainingError, match=f"network {number}, trained again for its weights"):
        flash.train(TINY, "digits", 3, epochs=2, workers=1, out=out, keep_weights=True)
    assert not (out / "weights" / f"{number:04d}-0.npz").exists()


def test_a_choice_of_training(run: TrainingResult) -> None:
    assert run.sample(1).index == 1
    assert run.sample().index == run.best.index
    with pytest.raises(ArgumentError, match="index must be one of the 3 networks"):
        run.sample(9)
    with pytest.raises(ArgumentError, match="nothing is finished"):
        TrainingResult((), "nowhere").best  # noqa: B018
    assert "weights of the best" in str(run)


# The file


def test_a_file_of_weights_holds_no_code_and_all_kinds_of_numbers(tmp_path: Path) -> None:
    path = str(tmp_path / "own.npz")
    state = {
        "file": torch.arange(3.0),
        "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
        "count": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
    }
    write_weights(path, state, {"accuracy": 0.5})
    found, facts = read_weights(path)
    assert found.keys() == state.keys()
    for name, value in state.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)
    assert facts["accuracy"] == 0.5
    with np.load(path, allow_pickle=False) as arrays:  # numpy alone reads it
        assert arrays["file"].tolist() == [0.0, 1.0, 2.0]
        assert json.loads(str(arrays[ABOUT]))["format"] == 1
    raw = (tmp_path / "own.npz").read_bytes()
    write_weights(path, state, {"accuracy": 0.5})
    assert (tmp_path / "own.npz").read_bytes() == raw
    with pytest.raises(ArgumentError, match="'odd' is a dict"):
        write_weights(path, {"odd": {}}, {})
    assert [one.name for one in tmp_path.iterdir()] == ["own.npz"]


def test_weights_of_another_network_are_refused(run: TrainingResult, tmp_path: Path) -> None:
    arch = run.best.architecture
    path = run.weights()
    other = flash.Architecture("resnet", [flash.Cell(4, 1)], 8).to_torch()
    before = {name: one.clone() for name, one in other.state_dict().items()}
    with pytest.raises(ArgumentError, match=r"of another: it lacks .* more differences"):
        flash.load_weights(other, path)
    assert all(torch.equal(one, before[name]) for name, one in other.state_dict().items())
    with pytest.raises(ArgumentError, match=r"head.*\(10, \d+\), in the module \(7, \d+\)"):
        flash.load_weights(arch.replace(num_classes=7).to_torch(), path)
    linked = flash.Architecture("resnet", [flash.Cell(8, 2, 4)], 8)
    write_weights(str(tmp_path / "linked.npz"), linked.to_torch().state_dict(), {})
    linked.to_torch(weights=tmp_path / "linked.npz")
    with pytest.raises(ArgumentError, match=r"of another: .*link"):
        linked.replace(link_seed=5).to_torch(weights=tmp_path / "linked.npz")
    others = linked.replace(link_seed=5).to_torch(seed=4)
    before = {name: one.clone() for name, one in others.state_dict().items()}
    with pytest.raises(ArgumentError, match="link"):
        flash.load_weights(others, tmp_path / "linked.npz")
    assert all(torch.equal(one, before[name]) for name, one in others.state_dict().items())
    # A state_dict that torch saved does too.
    torch.save(run.to_torch().state_dict(), tmp_path / "state.pt")
    loaded = flash.load_weights(arch.to_torch(seed=3), tmp_path / "state.pt")
    assert not loaded.training
    assert all(torch.equal(one, two) for one, two in zip(
        loaded.state_dict().values(), run.to_torch().state_dict().values(), strict=True
    ))  # fmt: skip
    torch.save(arch, tmp_path / "code.pt")
    np.savez(tmp_path / "plain.npz", images=np.zeros(3))
    (tmp_path / "broken.npz").write_bytes(b"PK")
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    for name, text in (("code.pt", "cannot be read"), ("plain.npz", "holds no weights"),
                       ("broken.npz", "cannot be read"), ("array.npz", "holds no weights"),
                       ):  # fmt: skip
        with pytest.raises(FormatError, match=text):
            flash.load_weights(arch.to_torch(), tmp_path / name)
    with pytest.raises(FileNotFoundError):
        flash.load_weights(arch.to_torch(), tmp_path / "none.npz")
    with pytest.raises(ArgumentError, match="is a folder"):
        flash.load_weights(arch.to_torch(), tmp_path)
    with pytest.raises(ArgumentTypeError, match="module must be a torch module"):
        flash.load_weights(arch, path)


def test_a_search_s_winner_gets_its_trained_weights(tmp_path: Path) -> None:
    space = flash.DenseNet(
        widths=[4, 6], depths=[2], skips=[0], cells=2, resolution=8, num_classes=10
    )
    evaluator = flash.TrainingEvaluator(
        "digits", out=tmp_path / "trained", epochs=1, keep_weights=True
    )
    result = flash.search(
        space, "cpu-x86", method="random", evaluator=evaluator, max_evals=2, seed=0
    )
    assert result.architecture is not None
    module = result.to_torch(weights=evaluator.weights(result.architecture))
    images = load_images("digits", 8)
    with torch.inference_mode():
        answers = module(images.test[0]).argmax(1)
    assert float((answers == images.test[1]).double().mean()) == result.accuracy
    with pytest.raises(ArgumentError, match="network must be one that was trained in"):
        evaluator.weights(flash.Architecture("resnet", [flash.Cell(4, 1)]))
    with pytest.raises(ArgumentError, match="does not fit the space 'nas-bench-macro'"):
        flash.search("nas-bench-macro", "cpu-x86", method="random", evaluator=evaluator)


# The command line


def test_export_as_typed(run: TrainingResult, tmp_path: Path, python: Run) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    folder = run.folder

    def export(*words: str, code: int = 0) -> Any:
        return python("-m", "flash", "export", *words, code=code)

    done = export(folder, "--onnx", "best.onnx", "--torch", "best.pt")
    assert f"accuracy {100 * run.best.accuracy:.2f} %" in done.stdout
    assert "less their mean" in done.stdout
    images = load_images("digits", 8)
    session = runtime.InferenceSession(tmp_path / "best.onnx", providers=["CPUExecutionProvider"])
    logits = session.run(None, {"input": images.test[0].numpy()})[0]
    assert (logits.argmax(1) == images.test[1].numpy()).mean() == pytest.approx(
        run.best.accuracy, abs=2 / len(logits)
    )
    state = torch.load(tmp_path / "best.pt", weights_only=True)
    assert all(torch.equal(one, state[name]) for name, one in run.to_torch().state_dict().items())
    run.to_onnx(tmp_path / "python.onnx")
    assert (tmp_path / "python.onnx").read_bytes() == (tmp_path / "best.onnx").read_bytes()
    other = next(one for one in run.samples if one.index != run.best.index)
    told = json.loads(
        export(folder, "--index", str(other.index), "--torch", "o.pt", "--json").stdout
    )
    assert told["network"] == other.architecture.to_dict()
    assert told["weights"] == run.weights(other.index)
    other.architecture.to_json(tmp_path / "net.json")
    found = export("net.json", "--weights", folder, "--torch", "n.pt", "--json").stdout
    assert json.loads(found)["weights"] == run.weights(other.index)
    assert export(run.weights(), "--torch", "w.pt", "--json").stdout.count("accuracy") == 1
    assert "new weights, from seed 3" in export("net.json", "--seed", "3", "--torch", "s.pt").stdout
    for words, text in [
        (("net.json",), "--onnx, --torch or --torch-code"),
        (("none.json", "--torch", "x.pt"), "must be there"),
        (("best.onnx", "--torch", "x.pt"), "must be a folder, or end in"),
        (("net.json", "--index", "1", "--torch", "x.pt"), "--index is of a folder"),
        ((folder, "--weights", folder, "--torch", "x.pt"), "a folder has its own"),
        ((folder, "--index", "9", "--torch", "x.pt"), "one of the 3 networks"),
        (("net.json", "--weights", run.weights(), "--torch", "x.pt"), "of another"),
    ]:
        if text == "of another" and other.architecture == run.best.architecture:
            continue
        assert text in export(*words, code=2).stderr
    assert not (tmp_path / "x.pt").exists()
