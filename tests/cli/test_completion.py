"""Tab completion: scripts that the shells themselves run, and the names they ask for."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import flash
from flash.base import registry
from flash.cli.completion import KINDS, SHELLS, words
from flash.cli.main import main
from flash.cli.options import commands, parser

posix = pytest.mark.skipif(os.name != "posix", reason="of POSIX shells")

# What is typed, and what the shell must offer among what it does offer.
TYPED = {
    "flash se": "search",
    "flash search den": "densenet",
    "flash search densenet rasp": "raspberry-pi-4",
    "flash search densenet rram --max-l": "--max-latency-ms",
    "flash search densenet rram --method ev": "evolution",
    "flash search densenet rram --json ans": "answers.json",
    "flash search densenet ans": "answers.json",
    "flash measure --runtime o": "onnxruntime",
    "flash train resnet --out ru": "runs",
    "flash completion z": "zsh",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file and a folder, and a `flash` of this interpreter on the path."""
    pytest.importorskip("shtab")
    (tmp_path / "answers.json").touch()
    (tmp_path / "runs").mkdir()
    program = tmp_path / "bin" / "flash"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m flash "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def shell_of(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}")
    return found


def ran(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@posix
@pytest.mark.processes
def test_bash(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        script("bash", capsys),
        "offered() {",
        '  COMP_WORDS=("$@")',
        "  COMP_CWORD=$(($# - 1))",
    ]
    lines += ["  _shtab_flash 2>/dev/null", '  echo "${COMPREPLY[@]}"', "}"]
    lines += [f"offered {line}" for line in TYPED]
    (place / "try.bash").write_text("\n".join(lines) + "\n")
    told = ran(shell_of("bash"), "--norc", "try.bash")
    for (line, wanted), offered in zip(TYPED.items(), told, strict=True):
        assert wanted in offered.split(), line


@posix
@pytest.mark.slow
@pytest.mark.processes
def test_fish(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = shell_of("fish")
    lines = [script("fish", capsys)]
    for line in TYPED:
        lines += [f"complete -C {shlex.quote(line)}", "echo ---"]
    (place / "try.fish").write_text("\n".join(lines) + "\n")
    told = "\n".join(ran(shell, "--no-config", "try.fish")).split("---\n")
    for (line, wanted), offered in zip(TYPED.items(), told, strict=False):
        assert wanted in {one.split("\t")[0].rstrip("/") for one in offered.splitlines()}, line


@posix
@pytest.mark.slow
@pytest.mark.processes
def test_zsh(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a terminal of its own: zsh completes nowhere else."""
    import pty
    import select

    shell = shell_of("zsh")
    (place / "_flash").write_text(script("zsh", capsys))
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - becomes zsh
        os.execve(shell, ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb"})

    def typed(text: str, until: str) -> str:
        os.write(terminal, text.encode())
        seen, ends = "", time.monotonic() + 60
        while until not in seen and time.monotonic() < ends:
            if select.select([terminal], [], [], 0.2)[0]:
                seen += os.read(terminal, 1 << 16).decode("utf-8", "replace")
        return seen

    try:
        typed("fpath+=$PWD; autoload -U compinit; compinit -u -D; echo BE''GIN\n", "BEGIN")
        for line, wanted in list(TYPED.items())[:3]:
            common = "raspberry-pi-" if wanted == "raspberry-pi-4" else wanted  # there are two
            assert common in typed(f"{line}\t", common), line
            typed("\x15", "\r")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_know_every_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    text = script(shell, capsys)
    for command in commands():
        assert command in text
        for name in parser(command)._option_string_actions:
            if name.startswith("--"):
                told = f"-l {name[2:]}" if shell == "fish" else name
                assert told in text, (command, name)


def test_names_are_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of plugins too, which may come after the script was made."""
    for kind, own in zip(KINDS, ("rram", "densenet", "evolution", None), strict=True):
        found = words(kind)
        assert own is None or own in found
        assert len(set(found)) == len(found)
    monkeypatch.setattr(registry._state, "entries", dict(registry._state.entries))
    data = {**flash.Target.load("rram").to_dict(), "name": "my-chip"}
    flash.register("target", "my-chip", flash.Target.from_dict(data))
    assert "my-chip" in words("targets")
    assert set(words("targets")) >= set(flash.targets())


def test_refusals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for line, told in (
        ("completion", "SHELL, one of bash, zsh, fish, or --words must be given"),
        ("completion bash --words targets", "must be given"),
        ("completion bsh", "did you mean 'bash'?"),
        ("completion --words target", "did you mean 'targets'?"),
    ):
        assert main(line.split()) == 2
        assert told in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "pip install 'shtab>=" in capsys.readouterr().err
