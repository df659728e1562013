"""Worker processes: each trains one network at a time; events come back in one queue."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ..errors import TrainingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Executor
    from typing import Any

__all__ = ["UnmadeError", "processors", "run_jobs", "run_jobs_here", "run_jobs_in"]


class UnmadeError(TrainingError):
    """A process cannot make a network that this one has."""


def run_jobs(
    jobs: list[dict[str, Any]], common: dict[str, Any], workers: int
) -> Generator[dict[str, Any]]:
    """Train jobs in `workers` processes and yield their events as they come.

    Processes that are left when the iterator is closed, by an error or by Ctrl-C, are ended: what
    they did lies in their checkpoints.

    Raises
    ------
    TrainingError
        If a process reports an error, or dies.
    OSError
        If a process could not write: a full disk, most often.
    """
    from collections import deque
    from queue import SimpleQueue
    from threading import Thread

    waiting = deque(jobs)
    events: SimpleQueue[dict[str, Any]] = SimpleQueue()
    processes = [_start(common["threads"]) for _ in range(min(workers, len(jobs)))]
    threads = [
        Thread(target=_serve, args=(process, common, waiting, events), daemon=True)
        for process in processes
    ]
    try:
        for thread in threads:
            thread.start()
        left = len(jobs)
        while left:
            event = events.get()
            if event["event"] == "error":
                raise _failure(event, common)
            left -= event["event"] == "done"
            yield event
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
        for process in processes:
            process.wait()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        for process in processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with _quiet():
                        pipe.close()


def run_jobs_in(
    executor: Executor, jobs: list[dict[str, Any]], common: dict[str, Any]
) -> Generator[dict[str, Any]]:
    """Train jobs in an executor's workers and yield an event as each is finished.

    The run's folder must be one that they see.

    Raises
    ------
    TrainingError, OSError
        As `run_jobs` does.
    """
    from concurrent.futures import BrokenExecutor, as_completed

    from .worker import run_job

    futures = [executor.submit(run_job, common, job) for job in jobs]
    try:
        for future in as_completed(futures):
            try:
                event = future.result()
            except BrokenExecutor as error:
                event = {"event": "error", "kind": "died", "message": str(error)}
            if event["event"] == "error":
                raise _failure(event, common)
            yield event
    finally:
        for future in futures:
            future.cancel()


def run_jobs_here(jobs: list[dict[str, Any]], common: dict[str, Any]) -> Generator[dict[str, Any]]:
    """Train jobs one after another in this process, and yield an event as each is finished.

    Raises
    ------
    TrainingError, OSError
        As `run_jobs` does.
    """
    import torch

    from . import worker

    threads = torch.get_num_threads()
    try:
        for job in jobs:
            event = worker.run_job(common, job)
            if event["event"] == "error":
                raise _failure(event, common)
            yield event
    finally:
        torch.set_num_threads(threads)
        worker.forget()


def _quiet() -> Any:
    from contextlib import suppress

    return suppress(OSError)


def _start(threads: int) -> subprocess.Popen[str]:
    """Start a worker that imports the flash which runs here."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    if threads:
        environment.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    # -P: a file torch.py in the current folder is not to be taken for torch
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "flash.training.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
    )


def _serve(
    process: subprocess.Popen[str], common: dict[str, Any], waiting: Any, events: Any
) -> None:
    """Hand a worker its jobs, one at a time, and pass on what it says."""
    said = None
    try:
        send, receive = process.stdin, process.stdout
        if send is None or receive is None:  # for the type checker: both are pipes
            return
        send.write(json.dumps(common) + "\n")
        while True:
            try:
                job = waiting.popleft()
            except IndexError:
                send.close()
                return
            send.write(json.dumps(job) + "\n")
            send.flush()
            for line in receive:
                said = json.loads(line)
                events.put(said)
                if said["event"] in ("done", "error"):
                    break
            else:
                said = None
            if said is None or said["event"] == "error":
                break
    except (OSError, ValueError):  # the process is gone, and its pipes with it
        said = None
    if said is None:
        code = process.wait()
        events.put({"event": "error", "kind": "died", "message": f"exit code {code}"})


def _failure(event: dict[str, Any], common: dict[str, Any]) -> Exception:
    kind, message = event["kind"], event["message"]
    if kind == "UnmadeError":
        return UnmadeError(f"a training process cannot make a network of space: {message}")
    if kind == "died":
        return TrainingError(
            f"a training process ended without an answer ({message}): killed, or out of memory "
            "(fewer workers or a smaller batch_size need less)"
        )
    if "OutOfMemory" in kind or "out of memory" in message or "can't allocate memory" in message:
        return TrainingError(
            f"batch_size {common['recipe']['batch_size']} is too large for the memory of "
            f"{common['device']}: {message.splitlines()[0]}"
        )
    if event.get("errno"):
        return OSError(event["errno"], os.strerror(event["errno"]), common["folder"])
    return TrainingError(f"training failed: {kind}: {message}")


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):  # where a process may be kept to some of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
