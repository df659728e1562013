"""Running a sweep's units: in threads of this process, or in an executor's workers."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from threading import Event
from time import perf_counter

from ..base.record import Record
from ..errors import ArgumentError, FlashError, SweepError
from .drawing import LARGEST
from .work import Job, Reduction, Stopped, import_ahead, pack_plan, run_unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from concurrent.futures import Executor
    from typing import Any

    from ..base.progress import Watching
    from ..problem.objective import Objective
    from .result import SweepResult
    from .store import Store

__all__ = ["Settings", "SweepEvent", "run"]

INF = float("inf")
LONG_S = 600.0
FIRST_LOOK = 1 << 17  # random configurations that tell what a good objective is
# Nanoseconds per configuration and thread, for estimates: counted, weighed exactly, a row, written
RATES_NS = (0.5, 15.0, 80.0, 200.0)


class Settings(Record):
    """A sweep's plan, and how it runs, on which its result does not depend."""

    plan: dict[str, Any]
    out: str | None
    executor: Any
    threads: int
    resume: bool
    yes: bool
    progress: Watching
    callback: Any
    started: float


class SweepEvent(Record):
    """What a callback sees. Return True from the callback to stop the sweep.

    Parameters
    ----------
    units, total_units : int
        Finished, of how many.
    count, size : int
        Configurations looked at, of how many.
    feasible : int
    objective : float or None
        Of the best so far.
    rate : float
        Configurations per second of this call.
    elapsed_s, left_s : float
        Since the call, and until the end at this rate.
    """

    units: int
    total_units: int
    count: int
    size: int
    feasible: int
    objective: float | None
    rate: float
    elapsed_s: float
    left_s: float


def run(settings: Settings, budgets: dict[str, float], wanted: Objective) -> SweepResult:
    """Run what is not finished, and report."""
    from contextlib import nullcontext

    from ..base.conditions import as_predicate
    from .report import report

    plan = settings.plan
    job = Job(plan)
    where = as_predicate(plan["where"], job.conditions)
    plan["where"] = None if where is None else where.text
    if where is not None:
        where.mask(job.no_rows(where.columns))  # a text that is compared with a number
    _estimate(settings, job)
    store = None
    if settings.out is not None:
        from ..base.extras import need_pyarrow
        from .store import Store

        need_pyarrow()
        store = Store(settings.out, plan, job.units, settings.resume)
    with store or nullcontext():
        reduction = Reduction(job)
        stopped = None
        if store is not None:
            _forget_repeats(store, job)
        if store is None or store.result is None or len(store.done) < job.units:
            stopped = _Running(settings, job, store, reduction, wanted).go()
        return report(settings, job, store, reduction, budgets, wanted, stopped)


def _forget_repeats(store: Store, job: Job) -> None:
    """Do again what an older flash found, if its best are the same network several times.

    They may have left no room for others. Parts are the same, byte for byte.
    """

    def short(found: dict[str, Any]) -> bool:
        points = found["top"]
        return len(points) == job.plan["top"] and len(job.distinct(points)) < len(points)

    if store.result is None:
        for unit in [unit for unit, data in store.done.items() if short(data)]:
            del store.done[unit]
    elif short(store.result):
        store.result = None
        store.done.clear()


def _estimate(settings: Settings, job: Job) -> None:
    plan = settings.plan
    kind = (3 if settings.out is not None else 2) if plan["rows"] else 1 if plan["bins"] else 0
    workers = settings.threads if settings.executor is None else _workers(settings.executor)
    seconds = job.total * RATES_NS[kind] * 1e-9 / workers
    if seconds > LONG_S and not settings.yes:
        raise ArgumentError(
            f"space: a sweep of {job.total:,} configurations is estimated to take "
            f"{_span(seconds)} on {workers} worker{'s' * (workers > 1)}; yes=True (--yes) goes "
            "ahead, sample=N looks at some of them, flash.search proves the best at once"
        )


def _workers(executor: Any) -> int:
    """Return how many threads an executor's workers have, where it tells."""
    known = getattr(executor, "_max_workers", None)
    if known is None:
        with suppress(Exception):  # Dask's executor; others tell nothing
            known = sum(executor._client.nthreads().values())
    return max(1, known) if isinstance(known, int) else 1


def _span(seconds: float) -> str:
    for unit, size in (("years", 31557600.0), ("days", 86400.0), ("hours", 3600.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds / 60:.0f} minutes"


def _told(event: SweepEvent) -> str:
    best = "" if event.objective is None else f", best {event.objective:.6g}"
    return f"{event.rate:.3g}/s, {event.feasible:,} feasible{best}"


class _Running:
    """The units of one call on their way."""

    def __init__(
        self,
        settings: Settings,
        job: Job,
        store: Store | None,
        reduction: Reduction,
        wanted: Objective,
    ) -> None:
        self.settings = settings
        self.job = job
        self.store = store
        self.reduction = reduction
        self.wanted = wanted
        self.stop = Event()
        self.first_look = -INF
        self.done_before = 0
        done = set() if store is None else set(store.done)
        if store is not None and store.result is None:
            for data in store.done.values():
                reduction.add(data)
        elif store is not None:
            reduction.count = sum(job.size_of(unit) for unit in done)
        self.done_before = reduction.count
        self.finished = len(done)
        self.waiting = (unit for unit in range(job.units) if unit not in done)

    def go(self) -> str | None:
        """Run all units; "callback" where that ended it."""
        plan = self.settings.plan
        if not plan["rows"] and plan["top"] and self.job.total > 64 * FIRST_LOOK:
            self.first_look = self._look()
        try:
            return self._collect()
        except KeyboardInterrupt as error:
            if self.store is not None:
                error.add_note(
                    f"{self.finished} of {self.job.units} units are in {self.settings.out}; the "
                    "same call goes on with them"
                )
            raise

    def _collect(self) -> str | None:
        from contextlib import closing

        from ..base.progress import Progress

        total, progress = self.job.total, self.settings.progress
        done = self.done_before / max(total, 1)
        with (
            Progress(progress, "sweep", 1.0, done=done, began=self.settings.started) as seen,
            closing(self._parts()) as parts,
        ):
            for part in parts:
                if self.store is not None:
                    if self.store.result is not None:
                        self.store.done[part["unit"]] = part
                        self.reduction.count += part["count"]
                    else:
                        self.store.add(part)
                        self.reduction.add(part)
                else:
                    self.reduction.add(part)
                self.finished += 1
                event = self._event()
                seen.update(event.count / event.size, _told(event))
                callback = self.settings.callback
                if callback is not None and callback(event) is True:
                    if self.finished < self.job.units:
                        return "callback"
                    break
        return None

    def _event(self) -> SweepEvent:
        found = self.reduction
        elapsed = perf_counter() - self.settings.started
        rate = (found.count - self.done_before) / max(elapsed, 1e-9)
        best = found.top[0][2] if found.top else None
        if best is not None:
            best = self.wanted.report(best, self.job.predictor)
        left = (self.job.total - found.count) / rate if rate else INF
        return SweepEvent(
            self.finished,
            self.job.units,
            found.count,
            self.job.total,
            found.feasible,
            best,
            rate,
            elapsed,
            left,
        )

    def _look(self) -> float:
        """An objective that at least `top` configurations reach: those of a sample."""
        plan = self.settings.plan
        if self.job.space.size >= LARGEST:
            return -INF
        plan = {
            **plan,
            "rows": True,
            "sample": FIRST_LOOK,
            "bins": 0,
            "unit": FIRST_LOOK,
            "chunk": FIRST_LOOK,
            "seed": 0,
        }
        job = Job(plan)
        found = Reduction(job)
        found.add(job.run(0))
        return found.least

    def _least(self) -> float:
        return max(self.first_look, self.reduction.least)

    def _parts(self) -> Generator[dict[str, Any]]:
        """Yield each unit's result as it comes."""
        from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

        own: Executor | None = None
        executor: Executor | None = self.settings.executor
        ahead = max(256, 4 * _workers(executor))
        if executor is None:
            import_ahead()
            own = executor = ThreadPoolExecutor(self.settings.threads)
            ahead = 2 * self.settings.threads
        packed = pack_plan(self.settings.plan)
        running: dict[Any, int] = {}
        try:
            while True:
                while len(running) < ahead:
                    unit = next(self.waiting, None)
                    if unit is None:
                        break
                    with self._failing(own is None):
                        running[self._submit(executor, own is not None, packed, unit)] = unit
                if not running:
                    return
                ready, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(ready, key=lambda one: running[one]):
                    del running[future]
                    with self._failing(own is None):
                        part = future.result()
                    yield part
        finally:
            self.stop.set()
            for future in running:
                future.cancel()
            if own is not None:
                own.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def _failing(self, elsewhere: bool) -> Iterator[None]:
        """Make a SweepError of an executor's failure: a worker or a scheduler that is gone.

        Of an executor that is not our own, every error that is none of flash's and no lack of
        memory is one: each kind has its own, and a unit itself raises no other.
        """
        from concurrent.futures import BrokenExecutor

        try:
            yield
        except BaseException as error:
            died = isinstance(error, BrokenExecutor)
            # asyncio's is no Exception, and that of concurrent.futures another class
            cancelled = any(one.__name__ == "CancelledError" for one in type(error).__mro__)
            foreign = elsewhere and isinstance(error, Exception)
            if isinstance(error, (FlashError, MemoryError)) or not (died or cancelled or foreign):
                raise
            raise SweepError(
                ("a worker of the executor died" if died else "the executor failed")
                + f" ({type(error).__name__}: {error}); what is finished is kept"
                + (": the same call goes on with it" if self.store is not None else "")
            ) from error

    def _submit(self, executor: Executor, here: bool, packed: bytes, unit: int) -> Any:
        if not here:
            return executor.submit(run_unit, packed, unit, self._least(), self.settings.out)
        return executor.submit(self._run_here, unit)

    def _run_here(self, unit: int) -> dict[str, Any]:
        # read when it starts, not when it is handed in: a higher one leaves less to do
        least = self._least()
        with suppress(Stopped):
            if self.settings.out is None:
                return self.job.run(unit, least, stopping=self.stop.is_set)
            from .store import write_part

            return write_part(self.job, unit, least, self.settings.out, self.stop.is_set)
        return {}
