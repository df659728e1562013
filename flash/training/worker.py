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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["run_job"]

_loaded: tuple[str, dict[str, Any]] | None = None


def run_job(common: dict[str, Any], job: dict[str, Any]) -> dict[str, Any]:
    """Train one network in this process and return its event: what executors call.

    The images are read from the run's folder once; those of the last run are kept.
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
    """Set torch up and return the normalised images."""
    import numpy as np
    import torch

    if common["threads"]:
        torch.set_num_threads(common["threads"])
    if common["device"].startswith("cuda"):
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    return {
        name: np.load(os.path.join(common["data"], name + ".npy"), allow_pickle=False)
        for name in ("train_x", "train_y", "test_x", "test_y")
    }


def _at(side: int, data: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Return the data as a network of this resolution takes them; the last ones are kept."""
    if data.get("side") != side:
        data["scaled"] = {
            name: scaled(data[name], side, common) if name.endswith("x") else data[name]
            for name in ("train_x", "train_y", "test_x", "test_y")
        }
        data["side"] = side
    found: dict[str, Any] = data["scaled"]
    return found


def scaled(images: Any, side: int, common: dict[str, Any]) -> Any:
    """Return images as float32 of three channels, normalised, of `side` pixels."""
    import numpy as np
    import torch

    parts = []
    for at in range(0, len(images), 4096):  # in parts, so that memory holds them once
        part = torch.from_numpy(np.ascontiguousarray(images[at : at + 4096])).float()
        part = (part - torch.tensor(common["mean"])[:, None, None]) / torch.tensor(
            common["deviation"]
        )[:, None, None]
        if part.shape[2] > side:
            part = torch.nn.functional.interpolate(part, size=(side, side), mode="area")
        elif part.shape[2] < side:
            part = torch.nn.functional.interpolate(
                part, size=(side, side), mode="bilinear", align_corners=False
            )
        if part.shape[1] == 1:
            part = part.expand(-1, 3, -1, -1)
        parts.append(part.contiguous().numpy())
    return np.concatenate(parts)


def _train(job: dict[str, Any], common: dict[str, Any], data: Any, say: Any) -> dict[str, Any]:
    from ..networks.cell_networks import network_from_dict
    from .loop import Recipe, fit, save_state

    arch = network_from_dict(job["architecture"])
    module = arch.to_torch(seed=job["seed"])

    def after_epoch(epoch: int, loss: float) -> None:
        say("epoch", index=job["index"], repeat=job["repeat"], epoch=epoch, loss=loss)

    found: dict[str, Any] = fit(
        module,
        _at(arch.resolution, data, common),
        Recipe(**common["recipe"]),
        seed=job["seed"],
        device=common["device"],
        checkpoint=job["checkpoint"],
        key=job["key"],
        after_epoch=after_epoch,
    )
    if job["weights"]:
        save_state(job["weights"], module.state_dict())
    return found


if __name__ == "__main__":
    sys.exit(main())
