"""A process that trains networks one after another: ``python -m flash.training.worker``.

It reads one JSON line of common settings, then one line per job, and writes JSON lines: an event
after each epoch, then "done" with the results or "error" with a message. Nothing else reaches the
standard output. A process of its own has its own threads and its own memory, and needs no guard in
the caller's script.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from math import isfinite

from .feeding import feeds, scaled, shape_of
from .images import key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["network_of", "run_job", "scaled"]

_loaded: tuple[str, dict[str, Any]] | None = None


def forget() -> None:
    """Let go of the data: a process that trains no more has other uses for its memory."""
    global _loaded
    _loaded = None


def run_job(common: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """Train one network in this process and return its event: what executors call.

    The images of the last run and input are kept.
    """
    global _loaded
    try:
        held = _loaded
        if held is None or held[0] != common["run"]:
            held = _loaded = (common["run"], _start(common))
        found = _train(job, common, held[1], lambda event, **fields: None)
    except Exception as error:
        return {
            "event": "error",
            "kind": type(error).__name__,
            "message": str(error),
            "errno": _errno(error),
        }
    return {"event": "done", "index": job["index"], "repeat": job["repeat"], **found}


def main() -> int:
    """Serve jobs until the input ends."""
    if hasattr(signal, "SIGINT"):  # Ctrl-C is the parent's to handle: it ends this process
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not mix with the answers

    def say(event: str, **fields: Any) -> None:
        answers.write(json.dumps({"event": event, **fields}) + "\n")
        answers.flush()

    common = json.loads(sys.stdin.readline())
    try:
        data = _start(common)
    except Exception as error:
        say("error", kind=type(error).__name__, message=str(error), errno=_errno(error))
        return 1
    for line in sys.stdin:
        job = json.loads(line)
        try:
            say("done", index=job["index"], repeat=job["repeat"], **_train(job, common, data, say))
        except BrokenPipeError:  # the parent is gone: what is done lies in the checkpoint
            return 1
        except Exception as error:
            say("error", kind=type(error).__name__, message=str(error), errno=_errno(error))
            return 1
    return 0


def _errno(error: Exception) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _start(common: dict[str, Any]) -> dict[str, Any]:
    """Set torch up; what is returned keeps the images that were read last."""
    import torch

    if common["threads"]:
        torch.set_num_threads(common["threads"])
    if common["device"].startswith("cuda"):
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    sys.path.extend(one for one in common.get("path", ()) if one not in sys.path)
    return {}


def _at(shape: tuple[int, int, int], data: dict[str, Any], common: dict[str, Any]) -> Any:
    """Return the data as a network of this input takes them; the last ones are kept."""
    if data.get("shape") != shape:
        data.clear()
        views, readers = common["views"], common["readers"]
        data["images"] = feeds(common["data"], shape, views, readers)
        data["shape"] = shape
    return data["images"]


def _train(job: dict[str, Any], common: dict[str, Any], data: Any, say: Any) -> dict[str, Any]:
    from .loop import Recipe, fit

    arch = network_of(job)
    module = arch.to_torch(seed=job["seed"])

    def after_epoch(epoch: int, loss: float) -> None:
        say("epoch", index=job["index"], repeat=job["repeat"], epoch=epoch, loss=loss)

    found: dict[str, Any] = fit(
        module,
        _at(shape_of(arch), data, common),
        Recipe(**common["recipe"]),
        seed=job["seed"],
        device=common["device"],
        checkpoint=job["checkpoint"],
        key=job["key"],
        after_epoch=after_epoch,
    )
    if job["weights"]:
        from ..networks.weights import write_weights

        view = common["views"][key_of(shape_of(arch))]
        told = {
            **job["about"],
            **{name: found[name] for name in ("accuracy", "loss") if isfinite(found[name])},
            "input_shape": list(shape_of(arch)),
            "mean": view["mean"],
            "deviation": view["deviation"],
        }
        write_weights(job["weights"], module.state_dict(), told)
    return found


class UnmadeError(Exception):
    """This process cannot make a network from its plain data."""


def network_of(job: dict[str, Any]) -> Any:
    """Return the network of a job: from its plain data, or itself where this process has it.

    The class that reads the data is named by the process that asks for the training, never by a
    file.
    """
    if job.get("network") is not None:
        return job["network"]
    if job.get("class") is None:
        from ..spaces.network_files import network_from_dict

        return network_from_dict(job["architecture"])
    from importlib import import_module

    module, _, names = job["class"].partition(":")
    try:
        kind: Any = import_module(module)
        for name in names.split("."):
            kind = getattr(kind, name)
        found = kind.from_dict(job["architecture"])
        if json.loads(json.dumps(found.to_dict())) != job["architecture"]:
            raise ValueError("it would be another")
    except Exception as error:
        raise UnmadeError(f"{type(error).__name__}: {error}") from None
    return found


if __name__ == "__main__":
    sys.exit(main())
