"""Locks: held by one, told to others, and gone with the process that held them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from twins.processes import environment

from flash.base.lock import Held, Lock

HOLD = """
import os, sys
from flash.base.lock import Lock
lock = Lock(sys.argv[1], "it")
print("held", flush=True)
sys.stdin.readline()
if len(sys.argv) > 2:
    os._exit(1)
lock.close()
"""


def holder(path: Path, *how: str) -> subprocess.Popen[str]:
    """Start a process that holds a lock until it is sent a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *how],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_at_a_time_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(str(path), "the folder"):
        for _ in range(2):
            with pytest.raises(Held, match=rf"^the folder is in use by process {os.getpid()} on "):
                Lock(str(path), "the folder")
        assert path.exists()
    assert not path.exists()
    Lock(str(path), "the folder").close()


def test_again_is_for_the_same_thread(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    refused: list[Exception] = []

    def other() -> None:
        try:
            Lock(path, "it", again=True)
        except Held as error:
            refused.append(error)

    outer = Lock(path, "it", again=True)
    with Lock(path, "it", again=True):
        pass
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert len(refused) == 1
    outer.close()
    outer.close()  # once is enough, twice does no harm
    assert not (tmp_path / "lock").exists()


def test_a_file_alone_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text('{"pid": 1, "host": "x", "since": "then"}')
    with Lock(str(tmp_path / "lock"), "it"), pytest.raises(Held, match=f"process {os.getpid()} "):
        Lock(str(tmp_path / "lock"), "it")


def test_where_it_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Lock(str(tmp_path / "gone" / "lock"), "the folder")
    assert caught.value.filename == "the folder"


@pytest.mark.processes
def test_another_process_is_named_until_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = holder(path)
    with pytest.raises(Held, match=rf"by process {process.pid} on \S+ since 20\d\d-"):
        Lock(str(path), "it")
    process.communicate("\n")
    assert not path.exists()
    Lock(str(path), "it").close()


@pytest.mark.processes
@pytest.mark.parametrize("how", ["killed", "left"])
def test_a_dead_process_holds_nothing(tmp_path: Path, how: str) -> None:
    path = tmp_path / "lock"
    process = holder(path, how)
    if how == "killed":
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
    process.communicate("\n" if how == "left" else None)
    assert path.exists()
    with Lock(str(path), "it"), pytest.raises(Held, match=f"process {os.getpid()} "):
        Lock(str(path), "it")
    assert not path.exists()


FORK = """
import os, sys
from flash.base.lock import Held, Lock
lock = Lock(sys.argv[1], "it", again=True)
child = os.fork()
if not child:
    try:
        Lock(sys.argv[1], "it", again=True)
    except Held:
        lock.close()  # the parent's, not this process's
        print("refused", flush=True)
    sys.stdin.readline()
    os._exit(0)
print("parent", os.getpid(), flush=True)
os.waitpid(child, 0)
"""


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", FORK, str(path)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert {process.stdout.readline().split()[0] for _ in range(2)} == {"parent", "refused"}
    with pytest.raises(Held, match=f"process {process.pid} "):
        Lock(str(path), "it")
    process.kill()  # the child lives on
    process.wait()
    Lock(str(path), "it").close()
    process.communicate("\n")
