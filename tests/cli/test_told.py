"""What a terminal shows: -q, -v and Python's logging, colours, progress on the command line."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path

import pytest

import flash
from flash.base import progress
from flash.cli.colours import tinted
from flash.cli.main import main
from flash.cli.options import WATCHED, commands, read

ARGS = ["search", "densenet", "rram", "--max-latency-ms", "4"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_v_tells_what_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mine.json"
    flash.Target.load("rram").to_json(target)
    words = ["search", "densenet", str(target), "--method", "random", "--max-evals", "20"]
    words += ["--journal", str(tmp_path / "journal"), "--json", str(tmp_path / "found.json")]
    assert main([*words, "-v"]) == 0
    told = capsys.readouterr().err.splitlines()
    for line in (
        f"flash.files: read {target}, ",
        "flash.methods: random begins: densenet on rram",
        "flash.methods: random was ended by max_evals: 20 evaluations",
        f"flash.files: wrote {tmp_path / 'found.json'}, ",
    ):
        assert any(one.startswith(line) for one in told), line
    assert not any("from the journal" in one for one in told)
    assert main([*words, "-v", "-v"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert "flash.methods: 20 of 20 from the journal" in told
    assert main(words) == 0
    assert capsys.readouterr().err == ""
    assert logging.getLogger("flash").level == logging.NOTSET


def test_python_listens_by_its_own_logging(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "flash"):
        flash.search("densenet", "rram", max_latency_ms=4)
        flash.search("densenet", "rram", objective=lambda data: data["nn_degree"], max_evals=50)
    told = [(one.name, one.getMessage()) for one in caplog.records]
    assert ("flash.search", "shgo begins: densenet on rram") in told
    assert ("flash.search", "ended, found: proven") in told
    assert logging.getLogger("flash").propagate is not False
    assert any(isinstance(one, logging.NullHandler) for one in logging.getLogger("flash").handlers)


def test_why_numba_is_not_used_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)

    def looped(data: dict[str, object]) -> object:
        return [one + 1.0 for one in data["nn_degree"]]  # type: ignore[attr-defined]

    with caplog.at_level(logging.INFO, "flash"):
        flash.search("densenet", "rram", objective=looped, max_evals=50, compile_objective=True)
    told = [one.getMessage() for one in caplog.records]
    assert any(one.startswith("objective run as plain Python: numba") for one in told)


@pytest.mark.parametrize("command", commands())
def test_every_command_takes_q_and_v(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from flash.cli.options import parser

    known = parser(command)._option_string_actions
    assert {"-q", "--quiet", "-v", "--verbose"} <= known.keys()
    assert ("--progress" in known) == (command in WATCHED)


def test_progress_by_default_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read("search", ARGS[1:]).progress is False
    assert read("search", [*ARGS[1:], "--progress"]).progress is True
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert read("search", ARGS[1:]).progress == "auto"
    assert read("search", [*ARGS[1:], "-q"]).progress is False
    assert read("search", [*ARGS[1:], "--progress"]).progress is True
    monkeypatch.setattr(sys, "stderr", None)
    assert read("search", ARGS[1:]).progress is False


def test_a_short_search_on_a_terminal_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert main(ARGS) == 0
    assert screen.getvalue() == ""
    assert main([*ARGS, "--progress", "--quiet"]) == 2
    assert "--progress and --quiet must not both be given" in screen.getvalue()


def test_a_long_one_shows_its_bar_and_its_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rich")
    from flash.results import event

    monkeypatch.setattr(progress, "AFTER_S", 0.0)
    monkeypatch.setattr(event, "AFTER_S", 0.0)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    words = ["search", "densenet", "rram", "--method", "random", "--max-evals", "300", "--json"]
    assert main(words) == 0
    assert "300 evaluations" in screen.getvalue()
    assert json.loads(capsys.readouterr().out)["nfev"] == 300  # nothing else is printed there


def test_colours_say_no_more_than_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(ARGS) == 0
    bare = capsys.readouterr().out
    assert "\x1b" not in bare
    text = tinted(bare, Terminal())
    assert "\x1b[1;32mOPTIMAL\x1b[0m" in text
    assert "\x1b[1mcell  width  depth  skips  NN-Degree  share\x1b[0m" in text
    assert "\x1b[32mproven optimal: " in text
    import re

    assert re.sub(r"\x1b\[[\d;]*m", "", text) == bare
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.setenv(name, "1")
        assert main([*ARGS[:3], "--max-latency-ms", "0.001"]) == 1
        told = capsys.readouterr().out
        assert ("\x1b[1;31mINFEASIBLE\x1b[0m" in told) == (name == "FORCE_COLOR")
        assert ("\x1b[31mproven: no network meets" in told) == (name == "FORCE_COLOR")
    monkeypatch.delenv("NO_COLOR")
    assert main([*ARGS, "--json"]) == 0
    assert "\x1b" not in capsys.readouterr().out  # data has none


def test_q_silences_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    import warnings

    from flash.cli.verbose import told

    with told(0, True):
        warnings.warn("of no interest", UserWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="of interest"), told(1, False):
        warnings.warn("of interest", UserWarning, stacklevel=1)
