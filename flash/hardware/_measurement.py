"""Measurement: what one network took, and under which conditions."""

from __future__ import annotations

import os

from ..base.checks import integer, json_text, number, parse_json, path_of, public, read_text
from ..base.plain import (
    AMOUNT,
    COUNT,
    FLAG,
    TABLE,
    TEXT,
    Check,
    list_of,
    made,
    maybe,
    parsed,
    plain,
    table_of,
    within,
)
from ..base.record import Record, Reported
from ..errors import FormatError
from ._conditions import Refused
from ._timing import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..base.html import Part
    from ..base.pages import Section

__all__ = ["Measurement"]


CONDITIONS: dict[str, Check] = {  # those that are shown or computed with; others may be anything
    **dict.fromkeys(("batch", "threads", "cpus"), within(integer, 1, 1 << 31)),
    **dict.fromkeys(("time", "system", "dtype", "clock"), TEXT),
    **dict.fromkeys(("cpu", "governor", "device_name"), maybe(TEXT)),
    "pinned_to": maybe(list_of(COUNT)),
    "versions": table_of(TEXT),
}


def _conditions(name: str, value: Any) -> dict[str, Any]:
    """Check conditions: a table of plain data, of known kinds where flash knows the key."""
    found = dict(TABLE(name, plain(name, value)))
    for key, check in CONDITIONS.items():
        if key in found:
            check(f"{name}.{key}", found[key])
    return found


def _subject(name: str, value: Any) -> Any:
    return TABLE(name, plain(name, value))


CHECKS: dict[str, Check] = {
    **dict.fromkeys(("name", "runtime", "device"), TEXT),
    **dict.fromkeys(("median_ms", "q1_ms", "q3_ms", "min_ms", "wall_ms"), within(number, above=0)),
    **dict.fromkeys(("cpu_ms", "noise_pct"), maybe(AMOUNT)),
    **dict.fromkeys(("runs", "passes", "warmup_runs"), COUNT),
    "settled": FLAG,
    "energy_mj": maybe(AMOUNT),
    "energy_source": TEXT,
    "conditions": _conditions,
    "subject": maybe(_subject),
}


@public
class Measurement(Record, Reported):
    """What one network took, and under which conditions.

    Parameters
    ----------
    name : str
    runtime : {"torch", "onnxruntime"}
    device : {"cpu", "cuda"}
    median_ms, q1_ms, q3_ms : float
        Of one inference by the chosen clock: medians over the passes of each pass's median and
        quartiles.
    min_ms : float
        The shortest of all runs.
    wall_ms, cpu_ms : float
        The median by either clock: far apart on one thread, something else was running.
    noise_pct : float or None
        By how much the medians of even passes differ from those of odd ones, in percent.
    runs, passes, warmup_runs : int
    settled : bool
        Whether every pass's warm-up ended because its median no longer moved, not for lack of
        time.
    energy_mj : float or None
        Of one inference, in millijoules, by the counter that `energy_source` names.
    energy_source : str
        Or why there is none.
    conditions : dict
        Versions, processor, threads, governor, load before and after, batch size, dtype, clock.
    subject : dict or None
        The network: {"architecture": ...} or {"network": ...}; None where it has no layers that
        flash can read.
    """

    name: str
    runtime: str
    device: str
    median_ms: float
    q1_ms: float
    q3_ms: float
    min_ms: float
    wall_ms: float
    cpu_ms: float | None
    noise_pct: float | None
    runs: int
    passes: int
    warmup_runs: int
    settled: bool
    energy_mj: float | None
    energy_source: str
    conditions: dict[str, Any]
    subject: dict[str, Any] | None = None

    @property
    def latency_ms(self) -> float:
        """Milliseconds per image: the median over the batch size."""
        return self.median_ms / int(self.conditions.get("batch", 1))

    def __hash__(self) -> int:
        return hash((self.name, self.median_ms))

    def __str__(self) -> str:
        head, told = self._told()
        return "\n".join([head, *(f"{name:11}{text}" for name, text in told.items())])

    def _parts(self) -> list[Part]:
        from ..base.html import facts

        head, told = self._told()
        return [head, facts(told)]

    def _title(self) -> str:
        return f"{self.name} measured on {self.runtime}, {self.device}"

    def _sections(self) -> list[Section]:
        from ..base.html import flat

        conditions = flat(self.conditions)
        return [
            ("", [*self._parts(), *self._charts()]),
            *([("Conditions", [(conditions, 2, False)])] if conditions else []),
        ]

    def _told(self) -> tuple[str, dict[str, str]]:
        """Return a headline and the facts that a screen shows."""
        facts = self.conditions
        batch = int(facts.get("batch", 1))
        unit = "image" if batch == 1 else f"batch of {batch} images"
        versions = ", ".join(f"{k} {v}" for k, v in facts.get("versions", {}).items())
        energy = self.energy_source
        if self.energy_mj is not None:
            energy = f"{self.energy_mj:.4g} mJ, {self.energy_source}"
        own = "unknown" if self.cpu_ms is None else f"{self.cpu_ms:.4g} ms"
        noise = "unknown" if self.noise_pct is None else f"{self.noise_pct:.2g} %"
        pinned = facts.get("pinned_to")
        where = f", on processor {', '.join(map(str, pinned))}" if pinned else ", not pinned"
        return f"{self.name}: {self.median_ms:.4g} ms per {unit}", {
            "quartiles": f"{self.q1_ms:.4g} to {self.q3_ms:.4g} ms, least {self.min_ms:.4g} ms",
            "noise": f"{noise} between halves of the passes",
            "clocks": f"{self.wall_ms:.4g} ms on the wall, {own} of the processor",
            "runs": f"{self.runs} in {self.passes} passes, after {self.warmup_runs} to warm up"
            + ("" if self.settled else " (not settled: more time would help)"),
            "energy": energy,
            "runtime": f"{self.runtime} on {self.device}, {facts.get('threads')} threads{where}, "
            f"{facts.get('dtype')}",
            "machine": f"{facts.get('device_name') or facts.get('cpu')}, "
            f"governor {facts.get('governor') or 'unknown'}",
            "load": f"{facts.get('load_before')} before, {facts.get('load_after')} after",
            "versions": versions,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal record."""
        return dict(zip(self.field_names, self._values(), strict=True))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str = "the measurement") -> Measurement:
        """Make a record from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted.
        """
        return made(cls, where, data, CHECKS)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the record as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Measurement:
        """Read a record from JSON text (it starts with a brace) or from a file."""
        return cls.from_dict(parsed(source, "the measurement"))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> list[Measurement]:
        """Return the finished measurements of a file: a journal, one record or a list of them.

        Raises
        ------
        FormatError
            If it is none of these, or holds no finished measurement.
        """
        where = path_of("path", path)
        if where.endswith(".json"):
            data = parse_json(read_text(path, "the measurements"), where)
            listed = data if isinstance(data, list) else [data]
        else:
            try:
                lines = lines_of(where)
            except Refused as error:
                raise FormatError(str(error)) from None
            finished = {one.get("key"): one.get("measurement") for one in lines}
            listed = [one for one in finished.values() if one is not None]
        if not listed:
            raise FormatError(f"{where} holds no finished measurement")
        return [cls.from_dict(one, f"{where}: [{n}]") for n, one in enumerate(listed)]
