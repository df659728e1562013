"""Lookup tables of networks that are chains of parts: what each part costs, by what enters it.

NetAdaptV2 asks lookup tables for latencies. Here a network of a `BypassSpace` is a chain of a stem,
blocks and a head, and what a block costs depends on its own choices and on the channels that enter
it, of which there are few: each such part is made and charged once, and a network's costs are sums
over its parts, to the last bit those of `Target.cost`, which are sums of whole numbers too.

The same tables tell the network that uses least of some budgets (`Lookups.least`), by dynamic
programming over the channels that enter: exact where one budget adds up over layers, as latency
does on every target but the crossbars of rram.
"""

from __future__ import annotations

from _thread import allocate_lock
from time import perf_counter

import numpy as np

from ..base.names import N_METRICS, Column
from ..hardware.costing import unit_missing
from ..networks.operations import charged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..hardware.target import Target
    from ..spaces.bypass import BypassSpace, Entering

    Rows = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Usage = Callable[[Floats], Floats]

__all__ = ["Lookups", "lookups_of"]

TOTALS = Column.MACS + 1
BEAM = 32  # partial networks kept of each width that is handed on
MAX_CODES = 1 << 12  # choices of a block, beyond which there are no tables


class _Part:
    """What is known of one part: by what enters and by its choices, what it costs and hands on."""

    def __init__(self, codes: int) -> None:
        self.codes = codes
        self.entering: list[Entering] = []
        self.place: dict[Entering, int] = {}
        self.after = np.empty((0, codes), dtype=np.int64)  # -1: not looked at yet
        self.totals = np.empty((0, codes, TOTALS), dtype=np.int64)

    def state(self, entering: Entering) -> int:
        """Return the number of what enters, a new one where it never did."""
        found = self.place.get(entering)
        if found is None:
            found = self.place[entering] = len(self.entering)
            self.entering.append(entering)
            self.after = np.concatenate([self.after, np.full((1, self.codes), -1, dtype=np.int64)])
            empty = np.zeros((1, self.codes, TOTALS), dtype=np.int64)
            self.totals = np.concatenate([self.totals, empty])
        return found


class Lookups:
    """Costs of a bypass space's networks on a target, from tables that fill as they are asked.

    Parameters
    ----------
    space : BypassSpace
    target : Target
        Of one tile, and with a model of its own (no table of layers).
    """

    def __init__(self, space: BypassSpace, target: Target) -> None:
        self.space, self.target = space, target
        self.model = target.model("")
        self.groups = [np.array(group, dtype=np.int64) for group in space.groups]
        lengths = np.array(space.lengths, dtype=np.int64)
        self.lengths = [lengths[group] for group in self.groups]
        self.steps = [  # of each of a block's variables, in the number of its choices
            np.array([int(np.prod(own[k + 1 :])) for k in range(len(own))], dtype=np.int64)
            for own in self.lengths
        ]
        self.parts = [_Part(int(np.prod(own))) for own in self.lengths]
        self.head = _Part(1)
        self.made_s = 0.0  # seconds that making parts took
        self._made: dict[Any, tuple[NDArray[np.int64], Entering]] = {}
        self._lock = allocate_lock()  # a space may be searched by several threads
        self.start, entering = self._charged(-1, None, ())
        self._next(0).state(entering)

    def _next(self, place: int) -> _Part:
        return self.parts[place] if place < len(self.parts) else self.head

    def choices(self, place: int, code: int) -> list[int]:
        """Return a block's choice indices by their number."""
        lengths = self.lengths[place].tolist()
        steps = self.steps[place].tolist()
        return [code // step % n for step, n in zip(steps, lengths, strict=True)]

    def _charged(
        self, place: int, entering: Entering | None, choices: Sequence[int]
    ) -> tuple[NDArray[np.int64], Entering]:
        """Return (totals by column, what is handed on) of a part."""
        key: Any = place
        if entering is not None:
            key = place, entering
            if place < len(self.parts):  # equal blocks stand in several places
                unit = self.space.unit(place, entering[0], choices)
                key = self.space.stride(place), unit, len(unit.residual), entering
        if key not in self._made:
            net, first, after = self.space.piece(place, entering, choices)
            totals = [0] * TOTALS
            if net is not None:
                rows = net.layers[first:]
                numbers = [n for row in charged(net).rows[first:] for one in row for n in one]
                packed = memoryview(bytearray(8 * len(numbers))).cast("q")
                for k, number in enumerate(numbers):
                    packed[k] = number
                totals[: Column.PARAMS] = self.model.total(packed)
                totals[Column.PARAMS] = sum(row.params for row in rows)
                totals[Column.MACS] = sum(row.macs for row in rows)
            self._made[key] = np.array(totals, dtype=np.int64), after
        return self._made[key]

    def _fill(self, place: int, state: int, code: int) -> None:
        part = self._next(place)
        head = part is self.head
        choices = () if head else self.choices(place, code)
        totals, after = self._charged(place, part.entering[state], choices)
        part.totals[state, code] = totals
        part.after[state, code] = 0 if head else self._next(place + 1).state(after)

    def _step(
        self, place: int, states: NDArray[np.int64], codes: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (totals, states handed on) of a part, of states and choices side by side."""
        part = self._next(place)
        missing = part.after[states, codes] < 0
        if missing.any():
            pairs = np.unique(states[missing] * part.codes + codes[missing])
            with self._lock:
                began = perf_counter()
                for pair in pairs.tolist():
                    self._fill(place, *divmod(pair, part.codes))
                self.made_s += perf_counter() - began
        return part.totals[states, codes], part.after[states, codes]

    def totals(self, rows: Rows) -> NDArray[np.int64]:
        """Return the totals of networks by column, shape (n, 14)."""
        total = np.repeat(self.start[None], len(rows), axis=0)
        states = np.zeros(len(rows), dtype=np.int64)
        for place, group in enumerate(self.groups):
            own, states = self._step(place, states, rows[:, group] @ self.steps[place])
            total = _joined(total, own)
        own, _ = self._step(len(self.parts), states, np.zeros(len(rows), dtype=np.int64))
        return _joined(total, own)

    def metrics(self, totals: NDArray[np.int64]) -> Floats:
        """Return metrics of totals, shape (6, n); there are no scores."""
        own = [self.model.metrics((*one[: Column.PARAMS], 0, 0)) for one in totals.tolist()]
        found = np.array(own, dtype=np.float64).reshape(-1, N_METRICS).T.copy()
        found[0] = np.nan
        found[-2:] = totals[:, Column.PARAMS :].T
        return found

    def charge(self, rows: Rows) -> Floats:
        """Return metrics of rows, as `Ground.charge` does; there are no scores."""
        return self.metrics(self.totals(rows))

    def least(self, usage: Usage, allowed: Sequence[NDArray[np.int64]] | None = None) -> Rows:
        """Return the networks that use least, by dynamic programming from the image on.

        Parameters
        ----------
        usage : callable
            From metrics of shape (6, n) to what they use, shape (n,): of parts of networks too.
        allowed : sequence of int arrays, optional
            Of each block the numbers of the choices that it may take; usually all.

        Returns
        -------
        int64 array, shape (n, variables)
            From the least on, at most one for each of what enters the head and `BEAM` beside it.
            Exact where usage adds up over layers; else the best of those that were kept.
        """
        states = np.zeros(1, dtype=np.int64)
        totals = self.start[None]
        codes = np.empty((1, 0), dtype=np.int64)
        for place, part in enumerate(self.parts):
            every = np.arange(part.codes) if allowed is None else allowed[place]
            before = np.repeat(np.arange(len(states)), len(every))
            chosen = np.tile(every, len(states))
            own, after = self._step(place, states[before], chosen)
            summed = _joined(totals[before], own)
            kept = _kept(after, usage(self.metrics(summed)))
            states, totals = after[kept], summed[kept]
            codes = np.column_stack([codes[before[kept]], chosen[kept]])
        own, _ = self._step(len(self.parts), states, np.zeros(len(states), dtype=np.int64))
        order = usage(self.metrics(_joined(totals, own))).argsort(kind="stable")
        rows = np.zeros((len(order), len(self.space.lengths)), dtype=np.int64)
        for place, group in enumerate(self.groups):
            own = codes[order, place][:, None] // self.steps[place] % self.lengths[place]
            rows[:, group] = own
        return rows


def _joined(total: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the totals of two parts: of the peak the larger one, else their sum."""
    found = total + own
    found[:, Column.PEAK] = np.maximum(total[:, Column.PEAK], own[:, Column.PEAK])
    return found


def _kept(states: NDArray[np.int64], used: Floats) -> NDArray[np.int64]:
    """Return the places of the `BEAM` that use least, of each state."""
    order = np.lexsort((used, states))
    first = np.searchsorted(states[order], states[order])
    return order[np.arange(len(order)) - first < BEAM]


def lookups_of(space: Any, target: Target) -> Lookups | None:
    """Return a space's lookup tables on a target, kept with the space; None where none hold."""
    if not hasattr(space, "piece") or target.meshed:
        return None
    if target.tiles is not None or target.table is not None:
        return None
    kept = space.lookups
    found: tuple[Target, Lookups | None] | None = kept.get(id(target))
    if found is None:
        counts = [np.prod([space.lengths[k] for k in group]) for group in space.groups]
        whole = charged(space.network(space.largest))
        held = max(counts) <= MAX_CODES and whole.too_large is None
        # what lacks a unit says so network by network
        held = held and unit_missing(target, whole) is None
        if len(kept) >= 8:
            kept.clear()
        made = Lookups(space, target) if held else None
        found = kept[id(target)] = (target, made)  # held, so that the number stays its own
    return found[1]
