"""What commands write: refused before the work, written after what is printed, each for itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import flash
from flash.base.checks import writable, write_text_atomic
from flash.cli.main import main
from flash.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

SEARCH = ("search", "densenet", "rram", "--max-latency-ms", "4")
FRONT = ("pareto", "densenet", "rram", "--max-latency-ms", "0.7")
COMPARE = (
    *("compare", "densenet", "rram", "--methods", "random", "--seeds", "1"),
    *("--max-evals", "20", "--quiet"),
)
SWEEP = ("sweep", "densenet", "rram", "--sample", "50")


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the functions that commands call; none of them does its work."""
    called: list[str] = []

    def instead(name: str) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            called.append(name)
            raise AssertionError(name)

        return call

    for name in ("search", "pareto", "compare", "sweep", "calibrate", "measure"):
        monkeypatch.setattr(flash, name, instead(name))
    return called


@pytest.mark.parametrize("path", ["none/x", "folder"])
@pytest.mark.parametrize(
    ("words", "option", "ending"),
    [
        (SEARCH, "--json", ".json"),
        (("search", "densenet", "rram", "cpu-x86"), "--json", ".json"),
        (("search", "densenet", "--targets", "fleet"), "--json", ".json"),
        (FRONT, "--json", ".json"),
        (FRONT, "--plot", ".svg"),
        (COMPARE, "--json", ".json"),
        (COMPARE, "--plot", ".svg"),
        (SWEEP, "--json", ".json"),
        (("cost", "net.json", "--target", "rram"), "--json", ".json"),
        (("cost", "net.json", "--target", "rram"), "--html", ".html"),
        (("calibrate", "--from", "x.jsonl"), "--out", ".json"),
        (("calibrate", "--space", "densenet"), "--out", ".json"),
    ],
)
def test_a_path_is_refused_before_the_work(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    worked: list[str],
    words: Sequence[str],
    option: str,
    ending: str,
    path: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"folder{ending}").mkdir()
    (tmp_path / "fleet").mkdir()
    flash.Target.load("rram").to_json(tmp_path / "fleet" / "device.json")
    if option == "--plot":
        pytest.importorskip("matplotlib")
    assert main([*words, option, path + ending]) == 2
    assert not worked
    assert path + ending in capsys.readouterr().err
    assert sorted(one.name for one in tmp_path.iterdir()) == ["fleet", f"folder{ending}"]


def broken(path: str, *args: Any) -> None:
    raise OSError(28, "No space left on device", path)


@pytest.mark.parametrize("words", [SEARCH, FRONT, COMPARE, SWEEP])
def test_a_result_is_printed_whatever_becomes_of_its_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: Sequence[str],
) -> None:
    assert main(list(words)) == 0
    plain = capsys.readouterr().out
    monkeypatch.setattr("flash.base.checks.write_text_atomic", broken)
    path = str(tmp_path / "x.json")
    assert main([*words, "--json", path]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == plain.splitlines()[0]
    assert len(out.splitlines()) == len(plain.splitlines())
    assert f"flash: error: {path}: No space left on device" in err


@pytest.mark.parametrize("words", [FRONT, COMPARE])
def test_each_output_is_for_itself(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: Sequence[str],
) -> None:
    pytest.importorskip("matplotlib")
    json_path, plot_path = str(tmp_path / "x.json"), str(tmp_path / "x.png")
    both = [*words, "--json", json_path, "--plot", plot_path]
    with monkeypatch.context() as patch:
        patch.setattr("flash.base.checks.write_bytes_atomic", broken_bytes)
        assert main(both) == 2
    assert "x.png: odd (ValueError)" in capsys.readouterr().err
    assert json.loads(Path(json_path).read_text())["format"] == 1
    Path(json_path).unlink()
    with monkeypatch.context() as patch:
        patch.setattr("flash.base.checks.write_text_atomic", broken)
        assert main(both) == 2
    assert not Path(json_path).exists()
    assert Path(plot_path).read_bytes()[1:4] == b"PNG"


def broken_bytes(path: str, data: bytes) -> None:
    if path.endswith(".png"):
        raise ValueError("odd")
    Path(path).write_bytes(data)


def test_a_reader_that_leaves_loses_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(*args: Any, **options: Any) -> None:
        if "file" not in options:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("builtins.print", left)
    path = tmp_path / "x.json"
    assert main([*SEARCH, "--json", str(path)]) == 2
    monkeypatch.undo()
    assert flash.SearchResult.from_json(path).status == "OPTIMAL"


def test_functions_refuse_a_path_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "none" / "x"
    called: list[int] = []

    def batches() -> Any:
        called.append(1)
        yield [1, 2]

    with pytest.raises(FileNotFoundError, match="none"):
        flash.evaluate("resnet", "rram", batches(), out=path)
    with pytest.raises(FileNotFoundError, match="none"):
        flash.calibrate("cpu-x86", ["missing.jsonl"], path=path)
    with pytest.raises(FileNotFoundError, match="none"):
        flash.compare(
            "resnet", "rram", methods=["random"], seeds=1, journal=path,
            evaluator=lambda nets: called.append(1) or [0.5] * len(nets),
        )  # fmt: skip
    assert not called


def test_writable(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert writable("out", path) == str(path)
    path.write_text("kept")
    writable("out", path)
    assert path.read_text() == "kept"
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    with pytest.raises(ArgumentTypeError, match="out must be a path, got 5"):
        writable("out", 5)
    with pytest.raises(ArgumentError, match=r"out 'a.x00' is no path"):
        writable("out", "a\0")
    with pytest.raises(ArgumentError, match="out must be a path, got ''"):
        writable("out", "")
    with pytest.raises(OSError, match="irectory") as caught:
        writable("out", tmp_path)
    assert caught.value.filename == str(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    if not Path("/dev/null").exists():
        pytest.skip("no /dev/null")
    link = tmp_path / "null"
    link.symlink_to("/dev/null")
    assert writable("out", link) == str(link)
    write_text_atomic(link, "text")
    assert link.is_symlink()
