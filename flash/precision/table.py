"""What `flash.sensitivities` gives: a row for each layer and number of bits."""

from __future__ import annotations

import os

from ..base.checks import integer, items, json_text, number, public, shown, write_text_atomic
from ..base.plain import (
    AMOUNT,
    COUNT,
    REAL,
    TEXT,
    Check,
    list_of,
    made,
    maybe,
    one_of,
    parsed,
    part,
    table_of,
    within,
)
from ..base.record import Record, Reported, cached
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from .choices import MOST_BITS, bits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import torch
    from pandas import DataFrame

    from ..base.html import Part
    from ..base.pages import Section
    from ..choosing.problem import ChoiceProblem
    from ..hardware.target import Target
    from .quantising import Choices

__all__ = ["MEASURES", "METRICS", "Sensitivities", "Sensitivity", "rows_of"]

MEASURES = ("loss", "hessian")
METRICS = ("loss", "weights_kib", "bit_operations", "params")  # what is chosen by
FORMAT = 1
CERTAIN = 2.0  # standard errors: what is nearer to nothing is called noise
SHOWN = 24  # layers on a screen


class Sensitivity(Record):
    """One layer with its weights at one number of bits, all others as they were.

    Or with bits of their own, as `Sensitivities.others` says.

    Parameters
    ----------
    layer : str
    bits : int
    loss : float
        By how much the loss grows. Of the measure "hessian" its estimate,
        ``trace / params * squared_error / 2``. Rounded to the 13th digit of what all layers lose
        at most: a solver can add such numbers exactly.
    error : float or None
        Its standard error: over the samples; of the measure "hessian", over the probes. None where
        there was one alone.
    weights_kib : float
        The weights as stored: packed at their bits, and a scale of 4 bytes for each output channel.
    bit_operations : int
        Multiply-accumulates of a sample times bits.
    params : int
        Weights of the layer.
    macs : int
        Multiply-accumulates of a sample, the mean over the data.
    squared_error : float
        The squared norm of what rounding changes of the weights.
    trace : float or None
        Of the loss's Hessian in the layer's weights; of the measure "hessian".
    """

    layer: str
    bits: int
    loss: float
    error: float | None
    weights_kib: float
    bit_operations: int
    params: int
    macs: int
    squared_error: float
    trace: float | None = None

    @property
    def noise(self) -> bool:
        """Whether the loss's growth is below twice its standard error."""
        return self.error is not None and abs(self.loss) < CERTAIN * self.error

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return dict(zip(self.field_names, self._values(), strict=True))


ROW: dict[str, Check] = {
    "layer": TEXT,
    "loss": REAL,
    **dict.fromkeys(("error", "trace"), maybe(REAL)),
    **dict.fromkeys(("weights_kib", "squared_error"), AMOUNT),
    **dict.fromkeys(("bits", "bit_operations", "params", "macs"), COUNT),
}
CHECKS: dict[str, Check] = {
    "measure": one_of(MEASURES),
    "base_loss": REAL,
    "samples": COUNT,
    "rest_kib": AMOUNT,
    "rows": list_of(part(Sensitivity, ROW)),
    "left": list_of(TEXT),
    "seed": COUNT,
    "elapsed_s": AMOUNT,
    "others": maybe(table_of(within(integer, 1, MOST_BITS))),
}


def rows_of(where: str, rows: Any) -> tuple[Sensitivity, ...]:
    """Return a layer's rows from plain data; FormatError if they are none."""
    if not isinstance(rows, list):
        raise FormatError(f"{where} must hold rows, got {shown(rows)}")
    return tuple([made(Sensitivity, where, row, ROW) for row in rows])


@public
class Sensitivities(Record, Reported):
    """What fewer bits cost, layer by layer; see `flash.sensitivities`.

    Parameters
    ----------
    measure : {"loss", "hessian"}
    base_loss : float
        The mean over the data, of the module as it was, or with the bits of `others`; what losses
        are counted from.
    samples : int
        Samples of the data.
    rest_kib : float
        What is not quantised, parameters and buffers, as the module holds it.
    rows : tuple of Sensitivity
        Layer by layer in the module's order, each with all numbers of bits, rising.
    left : tuple of str
        Layers with weights that are not among them, and why.
    seed : int
    elapsed_s : float
    others : dict of str to int, or None
        Bits of other layers while one was measured.
    """

    measure: str
    base_loss: float
    samples: int
    rest_kib: float
    rows: tuple[Sensitivity, ...]
    left: tuple[str, ...] = ()
    seed: int = 0
    elapsed_s: float = 0.0
    others: dict[str, int] | None = None

    def __post_init__(self) -> None:
        options = {name: self._of(name) for name in self._table}
        if len({tuple(one) for one in options.values()}) != 1 or len(self.rows) != sum(
            map(len, options.values())
        ):
            raise ArgumentError(
                "rows must hold each layer once with each number of bits, and the same of all"
            )

    def __hash__(self) -> int:
        return hash((self.measure, self.base_loss, self.rows))

    def __len__(self) -> int:
        return len(self.rows)

    @cached
    def _table(self) -> dict[str, dict[int, Sensitivity]]:
        found: dict[str, dict[int, Sensitivity]] = {}
        for row in self.rows:
            found.setdefault(row.layer, {})[row.bits] = row
        return found

    def _of(self, layer: str) -> list[int]:
        return sorted(self._table[layer])

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers' names, in order."""
        return tuple(self._table)

    @property
    def bits(self) -> tuple[int, ...]:
        """The numbers of bits of each layer, rising."""
        return tuple(self._of(self.layers[0]))

    @property
    def noise(self) -> float | None:
        """Losses that differ by less cannot be told apart: twice the middle one of all standard
        errors; None where there is none."""
        errors = sorted(row.error for row in self.rows if row.error is not None)
        return CERTAIN * errors[len(errors) // 2] if errors else None

    def totals(self, choices: Choices | int) -> dict[str, float]:
        """Return what a choice adds up to.

        Parameters
        ----------
        choices : answer of `flash.choose`, dict of str to int, or int
            Bits of each layer; one number: of all.

        Returns
        -------
        dict of str to float
            "loss", "weights_kib", "bit_operations" and "params".

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If a layer lacks its bits, or has some that were not measured.
        """
        if isinstance(choices, int) and not isinstance(choices, bool):
            chosen = dict.fromkeys(self.layers, choices)
        else:
            chosen = bits_of(choices, self.layers, {})
        rows = []
        for layer, options in self._table.items():
            if layer not in chosen:
                raise ArgumentError(f"choices must name bits for every layer, {layer!r} has none")
            if chosen[layer] not in options:
                raise ArgumentError(
                    f"choices: {layer!r} was not measured with {shown(chosen[layer])} bits "
                    f"(measured: {', '.join(map(str, options))})"
                )
            rows.append(options[chosen[layer]])
        return {name: sum(getattr(row, name) for row in rows) for name in METRICS}

    def problem(self, latency_ms: Mapping[str, Mapping[int, float]] | None = None) -> ChoiceProblem:
        """Return the choice of bits as a `flash.ChoiceProblem`.

        Groups are layers, options bits; metrics "loss", "weights_kib", "bit_operations" and
        "params", each a sum over the layers.

        Parameters
        ----------
        latency_ms : dict of str to dict of int to float, optional
            Milliseconds of each layer at each number of bits, at least 0: `latencies`, or measured
            ones. They are a further metric.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If `latency_ms` lacks a layer or its bits, or holds what is no time.
        """
        from ..choosing.problem import ChoiceProblem

        rows = [
            {name: getattr(row, name) for name in ("layer", "bits", *METRICS)} for row in self.rows
        ]
        names: list[str] = list(METRICS)
        if latency_ms is not None:
            names.append("latency_ms")
            for row, value in zip(rows, self._times(latency_ms), strict=True):
                row["latency_ms"] = value
        return ChoiceProblem.from_table(rows, group="layer", option="bits", metrics=names)

    def _times(self, latency_ms: Any) -> list[float]:
        """Return the milliseconds of all rows, checked."""
        if not hasattr(latency_ms, "keys"):
            raise ArgumentTypeError(
                "latency_ms must be a dict of layers, each a dict of bits and milliseconds, got "
                f"{shown(latency_ms)}"
            )
        found = []
        known = dict(latency_ms)
        for row in self.rows:
            own: Any = known.get(row.layer)
            if not hasattr(own, "keys") or row.bits not in own:
                raise ArgumentError(
                    f"latency_ms must have every layer at every number of bits, {row.layer!r} at "
                    f"{row.bits} bits is missing"
                )
            name = f"latency_ms[{row.layer!r}][{row.bits}]"
            found.append(number(name, own[row.bits], 0.0))
        return found

    def latencies(
        self,
        module: torch.nn.Module,
        input_shape: Sequence[int],
        target: Target | str,
    ) -> dict[str, dict[int, float]]:
        """Return what a target takes for each layer at each number of bits, for `problem`.

        Parameters
        ----------
        module : torch.nn.Module
            The one that was measured, or a module of the same layers: one image of zeros goes
            through a copy of it.
        input_shape : sequence of int
            Of one sample, such as (3, 32, 32).
        target : Target or str
            An FPGA: with b bits all of a layer's numbers have them, weights, what it reads and what
            it writes, and its latency is that of `Target.cost`.

        Returns
        -------
        dict of str to dict of int to float
            Milliseconds, to the ninth decimal place. On an FPGA layers follow one another and all
            else is free, so that they add up to what the module takes; layers that are not in the
            table take their time beside.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If the target is of another kind, the module is another one, refuses the shape, or a
            layer is neither a 2-d convolution nor linear.
        MissingExtraError
            If torch is not installed.

        Notes
        -----
        The losses are of rounded weights alone; what rounding activations would cost is not in the
        table.
        """
        from ..base.extras import require
        from ..hardware.target import as_target

        sides = tuple(
            [integer(f"input_shape[{n}]", side, 1, 1 << 16)
             for n, side in enumerate(items("input_shape", input_shape, 8))]
        )  # fmt: skip
        known = as_target(target)
        require("Sensitivities.latencies()", "torch", "torch")
        from .latency import latencies_of

        return latencies_of(module, sides, known, self.layers, self.bits)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know of these numbers."""
        told = []
        noise = self.noise
        unsure = sum(row.noise for row in self.rows)
        below = sum(row.loss < 0 for row in self.rows)
        what = "samples" if self.measure == "loss" else "probes"
        if noise is None:
            told.append(
                "no standard errors: the loss function gives one number for all data; with several "
                "batches, or a loss for each sample, there would be some"
                if self.measure == "loss"
                else "no standard errors: of one probe there are none"
            )
        elif unsure:
            told.append(
                f"{unsure} of {len(self.rows)} losses are below {CERTAIN:g} standard errors "
                f"(in brackets): differences of less than about {noise:.2g} are noise, which more "
                f"{what} make smaller"
            )
        if below and not self.others:
            why = "rounding made the loss smaller" if self.measure == "loss" else "the trace is"
            more = "" if self.measure == "loss" else " negative: the module is at no minimum"
            told.append(f"{below} losses are negative, and kept as measured: {why}{more}")
        still = [layer for layer in self.layers if not next(iter(self._table[layer].values())).macs]
        if still:
            told.append(
                f"no multiply-accumulates in {', '.join(still[:3])}"
                + (f" and {len(still) - 3} more" if len(still) > 3 else "")
                + ": looked up, not called on these data, or of a kind that is not counted"
            )
        return (*told, *(f"left as it is: {one}" for one in self.left))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal record."""
        own = dict(zip(self.field_names, self._values(), strict=True))
        own["rows"] = [row.to_dict() for row in self.rows]
        return {"format": FORMAT, **own, "left": list(self.left)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Sensitivities:
        """Make a record from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted.
        """
        return made(cls, "the sensitivities", data, CHECKS, version=FORMAT)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the record as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path, indent=1)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Sensitivities:
        """Read a record from JSON text (it starts with a brace) or from a file."""
        return cls.from_dict(parsed(source, "the sensitivities"))

    def to_frame(self) -> DataFrame:
        """Return a pandas DataFrame, one row for each layer and number of bits."""
        from ..base.extras import require

        pandas = require("to_frame()", "plot", "pandas")
        rows = [row.to_dict() for row in self.rows]
        frame: DataFrame = pandas.DataFrame(rows, columns=list(Sensitivity.field_names))
        return frame

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the rows as comma-separated values, and write them where a path is given.

        The first line has the columns' names; what is unknown is empty.
        """
        import csv
        import io

        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(Sensitivity.field_names)
        for row in self.rows:
            writer.writerow(["" if one is None else one for one in row.to_dict().values()])
        if path is not None:
            write_text_atomic(path, out.getvalue())
        return out.getvalue()

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from ..results.screen import text

        return text(self._parts())

    def _title(self) -> str:
        return f"sensitivities of {len(self.layers)} layers"

    def _sections(self) -> list[Section]:
        from .page import of_sensitivities

        return of_sensitivities(self)

    def _parts(self) -> list[Part]:
        from ..results.screen import count, duration

        layers, bits = self.layers, self.bits
        what = "loss measured" if self.measure == "loss" else "loss estimated from the Hessian"
        head = (
            f"{len(layers)} layers, {', '.join(map(str, bits))} bits: {what} on "
            f"{self.samples:,} samples, {self.base_loss:.4g} before"
            + (f", with bits for {len(self.others)} layers" if self.others else "")
        )
        titles = ["layer", "weights", "MACs", *(f"{one} bits" for one in bits)]
        rows: list[Any] = [titles]
        shown_ = layers if len(layers) <= SHOWN else (*layers[: SHOWN // 2], *layers[-SHOWN // 2 :])
        for layer in shown_:
            own = self._table[layer]
            one = own[bits[0]]
            cells = [
                f"({own[b].loss:+.2g})" if own[b].noise else f"{own[b].loss:+.2g}" for b in bits
            ]
            rows.append([layer, count(one.params), count(one.macs), *cells])
        if len(layers) > SHOWN:
            rows.insert(1 + SHOWN // 2, f"... {len(layers) - SHOWN} more ...")
        sums = {one: self.totals(one) for one in bits}
        rows.append(["all", "", "", *(f"{sums[one]['loss']:+.2g}" for one in bits)])
        rows.append(["KiB", "", "", *(f"{sums[one]['weights_kib']:.4g}" for one in bits)])
        return [
            head,
            "",
            (rows, 1, True),
            "",
            f"{self.rest_kib:.4g} KiB are not quantised; {duration(self.elapsed_s)}, "
            f"seed {self.seed}",
            *(f"note: {one}" for one in self.notes),
        ]
