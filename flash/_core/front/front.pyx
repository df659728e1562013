"""Exact fronts: every trade-off between two to four goals that nothing in the space improves on.

Cells are joined one after another; of the sums of some cells' rows only those are kept that no
other dominates (see task.pxd), and sums are compared block by block, so that most are never
formed. Joined to the last cell, points are compared by their goals: the reported metrics. With an
epsilon a point stands for all that it comes within that factor of.
"""

from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free
from libc.string cimport memset

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_FromStringAndSize
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.exc cimport PyErr_CheckSignals

from flash._core.front.cells cimport join_cells
from flash._core.front.cloud cimport Cloud, discard
from flash._core.front.keys cimport by_goals, choose_columns
from flash._core.front.sift cimport Waiting, claim, flash_clock, sift
from flash._core.front.task cimport (
    INTERRUPTED, NEW_POINT, OUT_OF_MEMORY, OUT_OF_TIME, Task, known_of, rows_of, spelled, totals,
    variant_of,
)
from flash._core.search.exact cimport Query
from flash._core.tables.problem cimport FLASH_COLUMNS, FLASH_METRICS, N_COLUMNS, flash_metrics
from flash._core.tables.tables cimport Tables, kernels

__all__ = ("Front",)


cdef double INTERVAL = 0.02   # seconds between looks at signals and the callback
cdef double AFTER = 2.0       # times of sifting all points that the end of a stopped search takes


cdef class Front:
    """The front of a compiled problem.

    Parameters
    ----------
    tables : Tables
    query : Query
        Its budgets; the objective is not read.
    goals : sequence of int
        Metrics: 0 (the score, more is better) to 5, each once.
    epsilon : float, default 0
        For every configuration within the budgets one of the front has costs at most 1 + epsilon
        times its own and an accuracy at most that factor lower.
    time_limit_s : float
    known : bytes, optional
        Metrics of points from elsewhere, (n, 6) as float64. What they dominate is left out, and
        what equals one of them in every goal and does not come before it in the order of answers
        (latency, energy, area, score).
    only_new : bool, default False
        Stop at the first point that none of `known` dominates.
    callback : callable, optional
        Called now and then with this object; the search stops where it returns True.
    """

    cdef Task task
    cdef Cloud found
    cdef Waiting waiting
    cdef readonly Tables tables
    cdef readonly Query query
    cdef object callback
    cdef object error
    cdef double variants_done
    cdef bytes foreign
    cdef int64_t n_known

    def __init__(self, Tables tables not None, Query query not None, goals, *, double epsilon=0.0,
                 double time_limit_s=INFINITY, bytes known=b"", bint only_new=False,
                 callback=None):
        cdef Task* t = &self.task
        cdef int k
        if t.problem != NULL:
            raise ValueError("a front is made once")
        self.tables = tables
        self.query = query
        self.callback = callback
        t.problem = &tables.problem
        t.query = &query.query
        t.kernels = kernels()
        t.epsilon = epsilon
        t.deadline = flash_clock() + time_limit_s
        t.owner = <void*> self
        if not 2 <= len(goals) <= FLASH_METRICS or len(set(goals)) != len(goals):
            raise ValueError(f"goals must be two to six different metrics, got {goals!r}")
        for k in goals:
            if not 0 <= k < FLASH_METRICS:
                raise ValueError(f"goals must be metrics from 0 to 5, got {goals!r}")
            t.goal[t.n_goals] = k
            t.n_goals += 1
        if not 0.0 <= epsilon <= 1e3:
            raise ValueError(f"epsilon must be from 0 to 1000, got {epsilon}")
        for k in range(FLASH_COLUMNS):
            if tables.problem.present >> k & 1:
                t.column[t.n_columns] = k
                t.n_columns += 1
        for k in range(tables.problem.n_variants):
            t.n_cells = max(t.n_cells, tables.problem.variants[k].n_cells)
        t.stride = (t.n_columns * sizeof(double) + (t.n_cells + 1) * sizeof(int32_t) + 7) & ~7
        if len(known) % (FLASH_METRICS * sizeof(double)):
            raise ValueError(f"known must be rows of six float64, got {len(known)} bytes")
        self.foreign = known
        self.n_known = len(known) // <int64_t> (FLASH_METRICS * sizeof(double))
        t.known = <const double*> PyBytes_AS_STRING(known)
        t.only_new = only_new
        choose_columns(t)

    def __dealloc__(self):
        discard(&self.found)
        free(self.waiting.record)

    def run(self) -> None:
        """Finds the front, or what there is of it when it is stopped."""
        cdef int v
        cdef double epsilon = self.task.epsilon
        with nogil:
            self.admit()
            for v in range(self.task.problem.n_variants):
                if self.task.stopped == NEW_POINT or self.task.stopped == OUT_OF_MEMORY:
                    break
                self.task.epsilon = epsilon
                join_cells(&self.task, v, &self.found, &self.waiting, pause)
                self.variants_done = v + 1
                self.task.done = 0.0
            self.task.epsilon = 0.0
            by_goals(&self.task)
            if self.task.stopped != OUT_OF_MEMORY and self.task.stopped != NEW_POINT:
                sift(&self.task, &self.found, &self.waiting)
            self.task.epsilon = epsilon
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if self.task.stopped == OUT_OF_MEMORY:
            raise MemoryError(f"a front of {self.found.n + self.waiting.n:,} points so far")

    cdef void admit(self) noexcept nogil:
        """The points from elsewhere come first."""
        cdef Task* t = &self.task
        cdef char* made
        cdef int64_t i
        cdef double epsilon = t.epsilon
        for i in range(self.n_known):
            made = claim(t, &self.waiting)
            if made == NULL:
                return
            memset(made, 0, t.stride)
            variant_of(t, made)[0] = -1
            rows_of(t, made)[0] = <int32_t> i
        by_goals(t)
        t.n_rows = 1
        t.epsilon = 0.0
        sift(t, &self.found, &self.waiting)
        t.epsilon = epsilon

    @property
    def known(self) -> bytearray:
        """A byte for each of the known points: 1 where it is still on the front."""
        cdef int64_t i
        cdef const char* record
        kept = PyByteArray_FromStringAndSize(NULL, self.n_known)
        cdef char* out = PyByteArray_AS_STRING(kept)
        memset(out, 0, self.n_known)
        for i in range(self.found.n):
            record = self.found.record + i * self.task.stride
            if variant_of(&self.task, record)[0] < 0:
                out[rows_of(&self.task, record)[0]] = 1
        return kept

    @property
    def points(self):
        """Variants (n), rows (n, cells) as int32 and metrics (n, 6) as float64, all as bytearrays,
        in no order, without those from elsewhere; rows beyond a variant's cells are 0."""
        cdef Task* t = &self.task
        cdef int64_t n = 0, i, at = 0
        cdef int k
        cdef double x[N_COLUMNS]
        cdef const char* record
        for i in range(self.found.n):
            n += known_of(t, self.found.record + i * t.stride) == NULL
        variants = PyByteArray_FromStringAndSize(NULL, n * sizeof(int32_t))
        rows = PyByteArray_FromStringAndSize(NULL, n * t.n_cells * sizeof(int32_t))
        metrics = PyByteArray_FromStringAndSize(NULL, n * FLASH_METRICS * sizeof(double))
        cdef int32_t* v = <int32_t*> PyByteArray_AS_STRING(variants)
        cdef int32_t* r = <int32_t*> PyByteArray_AS_STRING(rows)
        cdef double* m = <double*> PyByteArray_AS_STRING(metrics)
        for i in range(self.found.n):
            record = self.found.record + i * t.stride
            if known_of(t, record) != NULL:
                continue
            v[at] = variant_of(t, record)[0]
            for k in range(t.n_cells):
                r[at * t.n_cells + k] = rows_of(t, record)[k]
            spelled(t, totals(record), x)
            flash_metrics(&t.problem.links, x, m + at * FLASH_METRICS)
            at += 1
        return variants, rows, metrics

    @property
    def stopped(self) -> int:
        """0: complete; 1: time; 2: a new point, which was all that was asked for; 3:
        interrupted."""
        return self.task.stopped

    @property
    def progress(self) -> float:
        """Share of the variants' joins that are done, from 0 to 1."""
        cdef double n = self.task.problem.n_variants
        cdef double own = (self.task.done + self.task.share) / max(1.0, self.task.whole)
        return min(1.0, (self.variants_done + min(1.0, own)) / n)

    @property
    def size(self) -> int:
        """Points so far, known ones included; some may still be dominated."""
        return self.found.n

    @property
    def weighed(self) -> int:
        """Sums that were formed."""
        return self.task.weighed


cdef int pause(Task* t) noexcept nogil:
    """Looks at the limits; true where the search must end."""
    cdef double now
    cdef int interrupted = 0
    if t.stopped:
        return 1
    now = flash_clock()
    # what it has must still be sifted, and reported
    if now + AFTER * t.each * t.held >= t.deadline:
        t.stopped = OUT_OF_TIME
    elif now >= t.next_look:
        t.next_look = now + INTERVAL
        with gil:
            interrupted = notify(t)
        if interrupted:
            t.stopped = INTERRUPTED
    return t.stopped


cdef int notify(Task* t) noexcept with gil:
    """Signals and the callback; true where the search must end."""
    cdef Front owner = <Front> t.owner
    try:
        PyErr_CheckSignals()
        if owner.callback is not None and owner.callback(owner) is True:
            return 1
    except BaseException as error:
        owner.error = error
        return 1
    return 0
