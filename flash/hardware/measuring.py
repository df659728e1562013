"""measure: real inference of networks on your own hardware, here or on another machine."""

from __future__ import annotations

import os

from ..base.checks import items, log, path_of, public, read_text, shown, watched, write_text_atomic
from ..base.progress import Progress
from ..errors import ArgumentError, DeviceError, FlashError
from ._conditions import Refused
from ._measurement import Measurement
from ._series import (
    MAX_NETWORKS,
    checked_settings,
    checked_shape,
    engine_opener,
    is_list,
    onnx_of,
    refuse_device,
    require_runtime,
    series_item,
)
from ._timing import FORMAT, SETTINGS, Journal, measure_series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, overload

    from ..base.checks import Several
    from ..base.progress import Watching
    from ._samples import Subject

__all__ = ["Measurement", "export_measuring", "measure", "script"]

# Modules whose sources, joined, are the script for another machine.
_SCRIPT = ("../base/lock", "_conditions", "_timing", "_onnxruntime")


if TYPE_CHECKING:

    @overload
    def measure(
        net: Several[Subject],
        *,
        runtime: str = "torch",
        threads: int = 1,
        device: str = "cpu",
        batch: int = 1,
        dtype: str = "float32",
        clock: str = "wall",
        input_shape: Sequence[int] | int | None = None,
        time_limit_s: float = 10.0,
        passes: int = 6,
        pin: bool = True,
        seed: int = 0,
        energy: str | os.PathLike[str] | None = None,
        path: str | os.PathLike[str] | None = None,
        progress: bool | Literal["auto"] = False,
    ) -> list[Measurement]: ...
    @overload
    def measure(
        net: Subject,
        *,
        runtime: str = "torch",
        threads: int = 1,
        device: str = "cpu",
        batch: int = 1,
        dtype: str = "float32",
        clock: str = "wall",
        input_shape: Sequence[int] | int | None = None,
        time_limit_s: float = 10.0,
        passes: int = 6,
        pin: bool = True,
        seed: int = 0,
        energy: str | os.PathLike[str] | None = None,
        path: str | os.PathLike[str] | None = None,
        progress: bool | Literal["auto"] = False,
    ) -> Measurement: ...


@public
def measure(
    net: Subject | Several[Subject],
    *,
    runtime: str = "torch",
    threads: int = 1,
    device: str = "cpu",
    batch: int = 1,
    dtype: str = "float32",
    clock: str = "wall",
    input_shape: Sequence[int] | int | None = None,
    time_limit_s: float = 10.0,
    passes: int = 6,
    pin: bool = True,
    seed: int = 0,
    energy: str | os.PathLike[str] | None = None,
    path: str | os.PathLike[str] | None = None,
    progress: bool | Literal["auto"] = False,
) -> Measurement | list[Measurement]:
    """Run networks for real and return how long they take.

    Parameters
    ----------
    net : Architecture, Network, SearchResult, torch module, ONNX model or path, or a list of these
        Paths are those of ONNX models, or of JSON files of an architecture, network or result; a
        model may be bytes or an onnx.ModelProto too. Modules and models are run as they are.
    runtime : {"torch", "onnxruntime"}
        torch: its eager mode.
    threads : int, default 1
        1 to 1024.
    device : {"cpu", "cuda"}
    batch : int, default 1
        Images of one inference.
    dtype : {"float32", "float16", "bfloat16"}
        onnxruntime takes float32 only; an ONNX model has its own.
    clock : {"wall", "cpu"}
        Processor time leaves out what other processes take; on one thread of a CPU only.
    input_shape : (int, int, int) or int, default that of the network, (3, 32, 32) for a module
        Channels, height and width of the image; a length alone means so many token numbers.
    time_limit_s : float, default 10
        For each network, warm-up included: a soft limit, five runs of each pass are always made.
    passes : int, default 6
        In each pass every network is measured once, so that all share what the machine does
        meanwhile.
    pin : bool, default True
        Keep to the fastest processors, where the system (Linux) has such a call.
    seed : int, default 0
        Of weights and inputs, 0 to 2**32 - 1.
    energy : {"rapl", "nvml"} or path, optional
        What tells the energy: the counters of the processor packages, those of an NVIDIA device, or
        the file of a power meter, CSV with the columns time_s (of this machine's clock, since 1970)
        and power_w, which grows while it is measured. It must be there; by default the counter of
        the device is read where there is one.
    path : path, optional
        A journal, a line for each pass and each finished network: a run that was stopped goes on
        from it.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.

    Returns
    -------
    Measurement, or list of Measurement where a list was given

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, or the journal is of other settings.
    MissingExtraError
        If the runtime is not installed.
    DeviceError
        If the device fails or is gone while it is measured. `finished` holds the measurements
        that are complete, as it does for KeyboardInterrupt; so does the journal.
    """
    single = not is_list(net)
    given: Any = net
    nets = [given] if single else items("net", given, MAX_NETWORKS)
    if not 1 <= len(nets) <= MAX_NETWORKS:
        raise ArgumentError(f"net must be 1 to {MAX_NETWORKS} networks, got {len(nets)}")
    place = None if path is None else path_of("path", path)
    watched("progress", progress)
    settings = checked_settings(
        runtime, threads, device, batch, dtype, clock, time_limit_s, passes, pin, seed, energy
    )
    shape = checked_shape(input_shape)
    require_runtime(runtime)
    series = [series_item(one, n, shape, settings) for n, one in enumerate(nets)]
    refuse_device(settings)
    found = measured(series, settings, place, progress)
    return found[0] if single else found


def checked_run(runtime: str, *, dtype: str = "float32", **given: Any) -> dict[str, Any]:
    """Return the checked settings of a series that is measured here, as `measure` takes them."""
    usual: dict[str, Any] = {
        "threads": 1,
        "device": "cpu",
        "batch": 1,
        "clock": "wall",
        "pin": True,
        "seed": 0,
    }
    settings = checked_settings(runtime, dtype=dtype, **{**usual, **given})
    require_runtime(runtime)
    refuse_device(settings)
    return settings


def measured(
    series: list[dict[str, Any]], settings: dict[str, Any], path: str | None, progress: Watching
) -> list[Measurement]:
    """Measure a series, with a journal where there is a path."""
    try:
        journal = Journal(path, settings)
    except Refused as error:
        raise ArgumentError(f"path: {error}") from None
    if path is not None:
        done = len(journal.finished)
        log("hardware", "journal %s: %d networks so far", path, done)
    try:
        records = _run(series, settings, journal, progress)
    finally:
        journal.close()
    return [Measurement.from_dict(one, one["name"]) for one in records]


def _run(
    items: list[dict[str, Any]], settings: dict[str, Any], journal: Journal, progress: Watching
) -> list[dict[str, Any]]:
    """Measure; whatever stops it, say what is finished."""
    opener = engine_opener(settings)
    seen = Progress(progress, "measuring", None, "passes")

    def say(done: int, total: int, text: str) -> None:
        if seen.total is None:
            seen.start(done)
        seen.update(done, text, total=total)

    try:
        with seen:
            return measure_series(items, opener, settings, journal, say)
    except Refused as error:
        raise ArgumentError(str(error)) from None
    except (FlashError, OSError, MemoryError):
        raise
    except (Exception, KeyboardInterrupt) as error:
        done = [journal.finished[one["key"]] for one in items if one["key"] in journal.finished]
        finished = [Measurement.from_dict(one) for one in done]
        kept = "give a path to keep passes" if journal.path is None else f"all is in {journal.path}"
        note = f"{len(finished)} of {len(items)} networks are finished; {kept}"
        if isinstance(error, KeyboardInterrupt):
            error.add_note(note)
            error.finished = finished  # type: ignore[attr-defined]
            raise
        failed = DeviceError(
            f"{settings['runtime']} on {settings['device']} failed while it was measured: "
            f"{shown(str(error))} ({type(error).__name__}); {note}"
        )
        failed.finished = finished
        raise failed from error


# Measuring on another machine


def script() -> str:
    """Return the script that measures on another machine, as one file of Python."""
    import re

    parts = ["#!/usr/bin/env python3"]
    main = ""
    folder = os.path.dirname(__file__)
    for name in reversed(_SCRIPT):
        text = read_text(os.path.join(folder, name + ".py"), "flash's own file")
        documentation, _, body = text.partition("from __future__ import annotations\n")
        if name == _SCRIPT[-1]:
            head, main = documentation + "\nfrom __future__ import annotations\n", body
            parts.append(head.rstrip() + "\n")
        else:
            parts.insert(2, body.strip("\n") + "\n")
    parts.append(main.strip("\n") + "\n")
    joined = "\n".join(parts)
    return re.sub(r"^from \.[._a-z]+ import .*\n", "", joined, flags=re.MULTILINE)


@public
def export_measuring(
    nets: Subject | Several[Subject],
    folder: str | os.PathLike[str],
    *,
    threads: int = 1,
    device: str = "cpu",
    batch: int = 1,
    clock: str = "wall",
    input_shape: Sequence[int] | int | None = None,
    time_limit_s: float = 10.0,
    passes: int = 6,
    pin: bool = True,
    seed: int = 0,
) -> str:
    """Write what measures networks on another machine that has only Python and onnxruntime.

    Parameters
    ----------
    nets : a network or a list of them
        As `measure` takes them.
    folder : path
        A new or empty folder: ONNX files, measure.py and manifest.json are written into it.
    threads, device, batch, clock, input_shape, time_limit_s, passes, pin, seed
        As in `measure`; there ``python measure.py --help`` lists what can be changed.

    Returns
    -------
    str
        The path of the script. Its measurements.jsonl is what `flash.calibrate` takes.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, or the folder holds something.
    MissingExtraError
        If torch or onnx, which write the models, are not installed.
    """
    given: Any = nets
    listed = items("nets", given, MAX_NETWORKS) if is_list(given) else [given]
    at = path_of("folder", folder)
    if not 1 <= len(listed) <= MAX_NETWORKS:
        raise ArgumentError(f"nets must be 1 to {MAX_NETWORKS} networks, got {len(listed)}")
    settings = checked_settings(
        "onnxruntime", threads, device, batch, "float32", clock, time_limit_s, passes, pin, seed
    )
    shape = checked_shape(input_shape)
    series = [series_item(one, n, shape, settings) for n, one in enumerate(listed)]
    refuse_used(at)
    return write_harness(series, at, settings)


def refuse_used(at: str) -> None:
    """Refuse a folder that holds something."""
    if os.path.isdir(at) and os.listdir(at):
        raise ArgumentError(f"folder must be new or empty, got {at!r}, which holds something")


def write_harness(
    series: list[dict[str, Any]],
    at: str,
    settings: dict[str, Any],
    caller: str = "export_measuring",
) -> str:
    """Write a series' ONNX models, its manifest and the script, whose path is returned."""
    import json

    if not all(isinstance(item["source"], (str, os.PathLike, bytes)) for item in series):
        from ..base.extras import require

        require(f"{caller}(), which writes ONNX models,", "onnx", "torch", "onnx")
    os.makedirs(at, exist_ok=True)
    networks = []
    for n, item in enumerate(series):
        file = f"net_{n:04}.onnx"
        with open(os.path.join(at, file), "wb") as out:
            out.write(onnx_of(item, settings["seed"]))
        told = ("key", "name", "subject", "bytes")
        networks.append({"file": file, **{k: item[k] for k in told if k in item}})
    manifest = {
        "format": FORMAT,
        "settings": {name: settings[name] for name in SETTINGS},
        "networks": networks,
    }
    write_text_atomic(os.path.join(at, "manifest.json"), json.dumps(manifest) + "\n")
    path = os.path.join(at, "measure.py")
    write_text_atomic(path, script())
    return path
