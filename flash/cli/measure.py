"""The commands ``flash measure`` and ``flash calibrate``."""

from __future__ import annotations

import os
import sys

from ..errors import ArgumentError
from .options import USAGE, read_row, read_space
from .read import count, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from ..hardware.target import Target

__all__ = ["calibrate", "measure", "prepare_calibrate", "prepare_measure"]

MEASURE_EXAMPLES = """\
examples:
  flash measure net.json
  flash measure net.json model.onnx --runtime onnxruntime --threads 2
  flash measure 12345 --space densenet --runtime onnxruntime --json
  flash measure --space densenet --n 25 --runtime onnxruntime --out pi.jsonl
  flash measure --space densenet --n 25 --export pi
  flash measure --layers resnet --export pi-layers
  flash measure --layers resnet --import pi-layers/measurements.jsonl --out pi.json

--export writes ONNX files and a script into the folder pi. On the other machine, which needs
Python and onnxruntime only, `python pi/measure.py` writes pi/measurements.jsonl; back here:
  flash calibrate cpu-x86 --from pi/measurements.jsonl --out pi.json
With --layers the distinct layers, or blocks, of a space are measured instead of networks, and
--import makes a target of what comes back: a table of layers (docs/howto/layer-tables.md).

With --out each pass and each finished network is a line of that file at once: what was stopped
goes on when it is run again. Several networks are always kept so, in measurements.jsonl.
"""

CALIBRATE_EXAMPLES = """\
examples:
  flash calibrate --quick --space densenet --images photos --out mine.json
  flash calibrate --space densenet --n 25 --runtime onnxruntime --out mine.json
  flash calibrate cpu-x86 --from measurements.jsonl --out mine.json
  flash search densenet mine.json --max-latency-ms 5

--quick: 16 networks, at most 3 s each, in 3 passes: a minute at most for small images. On one
thread of a CPU times are those of the processor, which other programs disturb less. The error of
networks that were left out of the fit is printed; where it is too large, measure without --quick
on a machine that does nothing else.
"""

QUICK: dict[str, Any] = {"n": 16, "passes": 3, "time_limit_s": 3.0}

_SETTINGS = ("runtime", "threads", "device", "batch", "clock", "passes", "time_limit_s")


def _run_options(parser: ArgumentParser, runtime: str) -> None:
    group = parser.add_argument_group("measuring")
    add = group.add_argument
    add("--runtime", default=runtime, metavar="R", help=f"torch or onnxruntime ({runtime})")
    add("--threads", type=count, default=1, metavar="N", help="threads (1)")
    add("--device", default="cpu", metavar="D", help="cpu (default) or cuda")
    add("--batch", type=count, default=1, metavar="N", help="images of one inference (1)")
    add("--clock", metavar="C",
        help="wall (default), or cpu: processor time, for a busy machine, as --quick")  # fmt: skip
    add("--passes", type=count, metavar="N", help="passes over all networks (6; of layers 3)")
    add("--time-limit-s", type=seconds, metavar="S", help="for each network (10; of layers 1)")
    add("--no-pin", action="store_true", help="leave the choice of processors to the system")


def prepare_measure(parser: ArgumentParser) -> None:
    """Add the options of ``flash measure``."""
    parser.description = "Run networks for real and print how long they take."
    parser.epilog = MEASURE_EXAMPLES
    add = parser.add_argument
    add("network", metavar="NETWORK", nargs="*",
        help="a JSON file of an architecture, a network or a search result, an ONNX model, or "
        "with --space a flat index or a row of choice indices")  # fmt: skip
    add("--space", metavar="SPACE", help="choose from this space, as `flash search` takes it")
    add("--n", type=count, metavar="N", help="how many networks of the space to choose (25)")
    add("--target", default="cpu-x86", metavar="TARGET",
        help="for whose calibration they are chosen (cpu-x86)")  # fmt: skip
    add("--seed", type=count, default=0, metavar="N", help="of the choice, weights and inputs")
    add("--dtype", default="float32", metavar="T", help="float32, float16, bfloat16 (torch)")
    add("--out", metavar="FILE", help="journal, one JSON line per finished network")
    add("--layers", metavar="SPACE", help="measure the distinct layers or blocks of this space")
    add("--import", dest="source", metavar="FILE",
        help="with --layers: make a target of what was measured elsewhere, and stop")  # fmt: skip
    add("--name", metavar="NAME", help="with --import: of the target (as --out)")
    add("--energy", metavar="E",
        help="rapl, nvml or the CSV file of a power meter (time_s, power_w), which must be "
        "there")  # fmt: skip
    add("--export", metavar="DIR", help="write what measures on another machine, and stop")
    add("--json", action="store_true", help="print JSON")
    _run_options(parser, "torch")


def prepare_calibrate(parser: ArgumentParser) -> None:
    """Add the options of ``flash calibrate``."""
    parser.description = (
        "Fit a target's coefficients to measurements: to those of files, or to networks of a "
        "space that are chosen and measured here."
    )
    parser.epilog = CALIBRATE_EXAMPLES
    add = parser.add_argument
    add("base", metavar="BASE", nargs="?", default="cpu-x86",
        help="name or file of the target to start from (cpu-x86)")  # fmt: skip
    add("--from", dest="source", metavar="FILE", nargs="+", help="files of `flash measure`")
    add("--space", metavar="SPACE", help="choose networks of this space and measure them here")
    add("--n", type=count, metavar="N", help="how many (25)")
    add("--quick", action="store_true",
        help="with --space: few networks and short measurements, about a minute")  # fmt: skip
    add("--seed", type=count, default=0, metavar="N", help="of the choice, weights and inputs")
    add("--name", metavar="NAME", help="of the new target (BASE-calibrated)")
    add("--prior", default="base", metavar="P",
        help="base (default) or none: what coefficients are drawn to where networks are "
        "few")  # fmt: skip
    add("--out", metavar="FILE", help="the target's JSON file (NAME.json)")
    add("--json", action="store_true", help="print JSON")
    _run_options(parser, "onnxruntime")


def _settings(args: Namespace) -> dict[str, Any]:
    usual: dict[str, Any] = {"passes": 6, "time_limit_s": 10.0}
    if getattr(args, "layers", None) is not None:
        usual = {"passes": 3, "time_limit_s": 1.0}
    usual["clock"] = "wall"
    if getattr(args, "quick", False):
        usual |= {name: value for name, value in QUICK.items() if name != "n"}
        if args.threads == 1 and args.device == "cpu":
            usual["clock"] = "cpu"
    given = {name: getattr(args, name) for name in _SETTINGS}
    values = usual | {name: value for name, value in given.items() if value is not None}
    return {**values, "pin": not args.no_pin, "seed": args.seed}


def _networks(args: Namespace) -> list[Any]:
    """Return the networks that the arguments of measure name or ask for."""
    import flash

    if args.space is None:
        if args.n is not None:
            raise ArgumentError("--n needs --space, to choose from")
        if not args.network:
            raise ArgumentError("NETWORK or --space must be given, got neither")
        for text in args.network:
            if not text.endswith((".json", ".onnx")):
                raise ArgumentError(
                    f"NETWORK must be a .json or .onnx file, or an index with --space, got {text!r}"
                )
        return list(args.network)
    from ..problem.compiling import as_space

    space = as_space(read_space(args))
    if args.network:
        if args.n is not None:
            raise ArgumentError("--n must not be given with networks that are named")
        return [
            text if text.endswith(".onnx") else space.decode(read_row(space, text))
            for text in args.network
        ]
    n = 25 if args.n is None else args.n
    return list(flash.calibration_design(space, args.target, n, seed=args.seed))


def measure(args: Namespace) -> int:
    """Run ``flash measure``."""
    import flash

    if args.layers is not None:
        return _measure_layers(args)
    for name, value in (("--import", args.source), ("--name", args.name)):
        if value is not None:
            raise ArgumentError(f"{name} needs --layers")
    nets = _networks(args)
    settings = _settings(args)
    if args.export is not None:
        _refuse_runtime(args)
        settings.pop("runtime")
        path = flash.export_measuring(nets, args.export, **settings)
        print(
            f"{len(nets)} networks: copy {args.export} to the other machine and run "
            f"{os.path.basename(path)} there; bring measurements.jsonl back to flash calibrate"
        )
        return 0
    out = args.out or ("measurements.jsonl" if len(nets) > 1 else None)
    _tell_finished(args, out)
    more = {"dtype": args.dtype, "energy": args.energy}
    found = flash.measure(nets, **settings, **more, path=out, progress=args.progress)
    if args.json:
        from .common import print_json

        data = [one.to_dict() for one in found]
        print_json(data if len(nets) > 1 else data[0])
    elif len(nets) == 1:
        print(found[0])
    else:
        print("\n".join(_listing(found)))
        print(f"{len(found)} networks: {out}")
    return 0


def _measure_layers(args: Namespace) -> int:
    """Measure layers of a space: there, here, or read back what was measured."""
    from ..problem.compiling import as_space
    from ..problem.layer_harness import layer_harness, measure_layers

    if args.network or args.space is not None or args.n is not None:
        raise ArgumentError("--layers names a space, and takes no NETWORK, --space or --n")
    space = as_space(args.layers)
    if args.source is not None:
        return _import_layers(args, space)
    if args.name is not None:
        raise ArgumentError("--name needs --import")
    _refuse_runtime(args)
    settings: dict[str, Any] = {**_settings(args), "runtime": "onnxruntime"}
    if args.export is not None:
        del settings["runtime"]
        path = layer_harness(space, args.export, **settings)
        print(
            f"copy {args.export} to the other machine and run {os.path.basename(path)} there; "
            f"bring measurements.jsonl back to flash measure --layers {args.layers} --import"
        )
        return 0
    out = args.out or "layers.jsonl"
    _tell_finished(args, out)
    found = measure_layers(space, out, **settings, energy=args.energy, progress=args.progress)
    print(f"{len(found)} layers: {out}")
    return 0


def _import_layers(args: Namespace, space: Any) -> int:
    """Make a target of a file of measured layers, if it has all that the space needs."""
    import flash

    from ..base.checks import writable

    out = args.out
    if out is None or not out.endswith(".json"):
        raise ArgumentError(f"--import needs --out, the target's .json file, got {out!r}")
    writable("--out", out)
    name = args.name or os.path.basename(out).removesuffix(".json")
    target = flash.Target.from_layer_table(args.source, name=name)
    least = flash.search(space, target)  # holes are told here
    target.to_json(out)
    table = target.table
    left_out = table.error_left_out()
    print(f"{len(table.entries)} layers and blocks; the space is covered")
    if left_out:
        print(
            f"between measured sizes: {left_out['mape_pct']:.3g} % off, at most "
            f"{left_out['max_pct']:.3g} % ({left_out['entries']} left out in turns)"
        )
    print(f"the best network takes {least.latency_ms:.4g} ms; written to {out}")
    return 0


def _refuse_runtime(args: Namespace) -> None:
    if "--runtime" in sys.argv and args.runtime != "onnxruntime":
        raise ArgumentError(
            f"--export and --layers: --runtime must be onnxruntime, got {args.runtime!r}"
        )


def _tell_finished(args: Namespace, path: str | None) -> None:
    """Say that a file holds measurements already: they are not made again."""
    if not args.quiet and path is not None and os.path.exists(path):
        print(f"flash: going on with {path}; what is in it is not measured again", file=sys.stderr)


def _listing(found: list[Any]) -> list[str]:
    from ..results.screen import table

    rows = [["network", "median ms", "quartiles", "noise", "mJ"]]
    for one in found:
        noise = "" if one.noise_pct is None else f"{one.noise_pct:.2g} %"
        energy = "" if one.energy_mj is None else f"{one.energy_mj:.4g}"
        span = f"{one.q1_ms:.4g} to {one.q3_ms:.4g}"
        rows.append([one.name, f"{one.median_ms:.4g}", span, noise, energy])
    return table(rows, 1)


def calibrate(args: Namespace) -> int:
    """Run ``flash calibrate``."""
    import warnings

    import flash

    if (args.source is None) == (args.space is None):
        raise ArgumentError("either --from or --space must be given")
    if args.source is not None:
        for name, value in (("--quick", args.quick), ("--images", args.images)):
            if value:
                raise ArgumentError(f"{name} is of --space: --from has been measured already")
    base = flash.Target.load(args.base)
    name = f"{base.name}-calibrated" if args.name is None else args.name
    out = args.out or f"{name.replace(os.sep, '-')}.json"
    if not out.endswith(".json"):
        raise ArgumentError(f"--out must be a .json file, got {out!r}")
    from ..base.checks import json_text, writable
    from ..hardware._measurement import Measurement

    writable("--out", out)
    if args.source is not None:
        measured = [one for path in args.source for one in Measurement.load(path)]
    else:
        from ..problem.compiling import as_space

        space = as_space(read_space(args))
        usual: int = QUICK["n"] if args.quick else 25
        n = usual if args.n is None else args.n
        chosen = flash.calibration_design(space, base, n, seed=args.seed)
        journal = out.removesuffix(".json") + ".measurements.jsonl"
        _tell_finished(args, journal)
        measured = flash.measure(chosen, **_settings(args), path=journal, progress=args.progress)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        target = flash.calibrate(
            base,
            measured,
            name=name,
            prior=args.prior,
            provenance=_conditions(measured),
        )
    for one in () if args.quiet else caught:
        print(f"flash: warning: {one.message}", file=sys.stderr)
    from .common import finish

    text = json_text(target.to_dict(), indent=1) if args.json else "\n".join(screen(target))
    if not finish(text, (out, target.to_json)):
        return USAGE
    if not args.json:
        print(f"written to {out}")
    return 0


def _conditions(measured: list[Any]) -> dict[str, Any]:
    """Return what the measurements have in common, for the target's provenance."""
    facts = [one.conditions for one in measured]
    same = {
        key: value
        for key, value in facts[0].items()
        if key not in ("time", "load_before", "load_after")
        and all(one.get(key) == value for one in facts)
    }
    first = measured[0]
    return {"runtime": first.runtime, "device": first.device, "conditions": same}


def screen(target: Target) -> list[str]:
    """Return what a calibration has come to, as lines of text."""
    from ..results.screen import table

    lines = [f"{target.name}: {target.description}"]
    for place, facts in (target.residuals or {}).items():
        rows = [["", "left out", "worst", "fitted", "noise", "90 % interval"]]
        held, noise = facts.get("held_out", {}), facts.get("noise_floor", {})
        for metric, fitted in facts["all_networks"].items():
            one = held.get(metric)
            rows.append(
                [
                    metric,
                    _percent(one and one["mape_pct"]),
                    _percent(one and one["max_pct"]),
                    _percent(fitted["mape_pct"]),
                    _percent(noise.get(metric, {}).get("mape_pct")),
                    _interval(target, place, metric),
                ]
            )
        title = "" if place == "default" else f", set {place}"
        lines += [f"errors over {facts['networks']} networks{title}:", *table(rows, 1)]
        ranges = target.calibrated_ranges[place]["network"]
        spans = [f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in ranges.items()]
        lines.append(f"calibrated for {', '.join(spans)}")
    if target.not_calibrated_families:
        lines.append(f"not calibrated for {', '.join(target.not_calibrated_families)}")
    return lines


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.3g} %"


def _interval(target: Target, place: str, metric: str) -> str:
    """Return the 90 % interval of a network like those that were measured."""
    found = (target.intervals or {}).get(place, {}).get(metric)
    if found is None:
        return ""
    import math

    from ..hardware._prediction import interval_width

    width, _ = interval_width(found, None, 0.9)
    low, high = 100 * (1 - math.exp(-width)), 100 * (math.exp(width) - 1)
    return f"-{low:.3g} to +{high:.3g} %"
