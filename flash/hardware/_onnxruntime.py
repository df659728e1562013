"""Measures networks with onnxruntime, here or on another machine.

`flash measure --export DIR` writes this as the script DIR/measure.py, beside ONNX files. There it
needs nothing but Python 3.8 or later and onnxruntime:

    python measure.py                      measures what lies beside it into measurements.jsonl
    python measure.py --threads 4 --time-limit-s 20

Stopped in any way, it goes on where it was when it is run again. Bring measurements.jsonl back to
`flash calibrate`.
"""

from __future__ import annotations

import json
import os
import sys
import time

from ._conditions import Refused
from ._timing import SETTINGS, Journal, measure_series

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


KINDS = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    **{
        f"tensor({sign}int{bits})": f"{sign}int{bits}"
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}


class Onnxruntime:
    """A model in onnxruntime, with random inputs; whole numbers are zeros, and masks ones.

    image: its shape, for open sizes of an input beside the batch.
    """

    def __init__(
        self, model: str | bytes, settings: dict[str, Any], image: Sequence[int] = ()
    ) -> None:
        import numpy
        import onnxruntime

        cuda = settings["device"] == "cuda"
        provider = "CUDAExecutionProvider" if cuda else "CPUExecutionProvider"
        if provider not in onnxruntime.get_available_providers():
            raise Refused(f"this onnxruntime has no {provider}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings["threads"]
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session: Any = onnxruntime.InferenceSession(model, options, providers=[provider])
        if provider not in self.session.get_providers():
            raise Refused("onnxruntime cannot use the device: it has fallen back to another one")
        self.versions = {"onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__}
        self.device_name = provider if cuda else None
        random = numpy.random.RandomState(settings["seed"])
        self.feed: dict[str, Any] = {}
        for one in self.session.get_inputs():
            shape = [settings["batch"], *one.shape[1:]] if one.shape else []
            if len(shape) == len(image) + 1:
                for axis, size in enumerate(image, 1):
                    shape[axis] = shape[axis] if isinstance(shape[axis], int) else size
            if not all(isinstance(size, int) and size > 0 for size in shape):
                raise Refused(f"input {one.name!r} has a shape that is not fixed: {one.shape}")
            if shape and isinstance(one.shape[0], int) and one.shape[0] != settings["batch"]:
                raise Refused(f"the model has batch {one.shape[0]}, not {settings['batch']}")
            if one.type not in KINDS:
                raise Refused(f"input {one.name!r} is {one.type}, no tensor of numbers")
            kind = KINDS[one.type]
            if kind.startswith("float"):
                self.feed[one.name] = random.standard_normal(shape).astype(kind)
            else:
                first = 1 if "mask" in one.name.lower() else 0
                self.feed[one.name] = numpy.full(shape, first, dtype=kind)

    def run(self) -> None:
        """Run one inference."""
        self.session.run(None, self.feed)

    def close(self) -> None:
        """Let the session go."""
        self.session = None


class Watch:
    """Prints how far a series is: one line now and then, with the time left."""

    def __init__(self) -> None:
        self.began: Any = None
        self.first, self.next_s = 0, 0.0

    def tell(self, done: int, total: int, text: str) -> None:
        """Take passes done, of how many, and what comes next."""
        now = time.monotonic()
        if self.began is None and done >= total:
            return  # all was finished before
        if self.began is None:
            self.began, self.first = now, done
        elapsed = now - self.began
        if elapsed < self.next_s and done < total:
            return
        self.next_s = elapsed + min(60.0, max(1.0, 0.05 * elapsed))
        left = ""
        if self.first < done < total:
            seconds = (total - done) * elapsed / (done - self.first)
            left = f", about {seconds / 60:.1f} min left"
        print(f"{done} of {total} passes, {elapsed:.0f} s{left} {text}".rstrip(), file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the networks that lie beside this script."""
    import argparse

    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="Measure the networks beside this script.")
    options: tuple[tuple[str, type], ...] = (
        ("threads", int),
        ("passes", int),
        ("time_limit_s", float),
    )
    for name, kind in options:
        parser.add_argument("--" + name.replace("_", "-"), type=kind)
    parser.add_argument("--device", choices=("cpu", "cuda"))
    parser.add_argument("--clock", choices=("wall", "cpu"))
    parser.add_argument("--energy", help="rapl, nvml or a meter's file: time_s, power_w")
    parser.add_argument("--no-pin", action="store_true", help="leave the processors to the system")
    parser.add_argument("--out", default=os.path.join(here, "measurements.jsonl"))
    given = parser.parse_args(arguments)
    with open(os.path.join(here, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    settings = {**SETTINGS, **manifest["settings"], "runtime": "onnxruntime"}
    for name in ("threads", "passes", "time_limit_s", "device", "clock", "energy"):
        value = getattr(given, name)
        if value is not None:
            if not isinstance(value, str) and not 0 < value < 1e9:
                parser.error(f"--{name.replace('_', '-')} must be above 0")
            settings[name] = value
    settings["pin"] = settings["pin"] and not given.no_pin

    def open_engine(item: dict[str, Any]) -> Onnxruntime:
        return Onnxruntime(os.path.join(here, item["file"]), settings)

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    journal, watch = None, Watch()
    try:
        journal = Journal(given.out, settings)
        records = measure_series(manifest["networks"], open_engine, settings, journal, watch.tell)
    except KeyboardInterrupt:
        say(f"stopped; run it again to go on: {given.out}")
        return 130
    except ImportError as error:
        say(f"{error}: pip install onnxruntime")
        return 2
    except Refused as error:
        say(str(error))
        return 2
    except Exception as error:  # whatever a device does when it goes away
        say(f"{type(error).__name__}: {error}\nwhat is finished is in {given.out}")
        return 1
    finally:
        if journal is not None:
            journal.close()
    for one in records:
        noise = "" if one["noise_pct"] is None else f"  noise {one['noise_pct']:.2g} %"
        print(f"{one['name'][:40]:40} {one['median_ms']:10.4g} ms{noise}")
    print(f"{len(records)} networks: {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
