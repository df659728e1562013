"""Batch evaluation of configurations from compiled tables."""

from cpython.mem cimport PyMem_Free, PyMem_Malloc

from flash._core.core cimport *
from flash._core.tables cimport Tables

__all__ = ("evaluate",)


def evaluate(Tables tables not None, const int32_t[::1] variant not None,
             const int32_t[:, ::1] row not None):
    """Metrics of n configurations.

    Parameters
    ----------
    tables : Tables
    variant : int32 array of shape (n,)
    row : int32 array of shape (n, at least the variants' cells)
        Table rows; entries beyond a variant's cells are not read.

    Returns
    -------
    list of 6 arrays of float64, shape (n,)
        score, latency, energy, area, params, macs, as problem.h defines them.
    """
    from array import array

    cdef Py_ssize_t i, n = variant.shape[0]
    cdef double x[9]
    cdef double m[6]
    cdef int k
    cdef double[:, ::1] out
    if row.shape[0] != n:
        raise ValueError(f"row must have {n} entries, got {row.shape[0]}")
    for i in range(n):
        check(tables, variant[i], row[i])
    buffer = bytearray(max(1, n) * 6 * sizeof(double))
    out = memoryview(buffer).cast("d", (6, max(1, n)))
    with nogil:
        for i in range(n):
            flash_totals(&tables.problem.variants[variant[i]], &row[i, 0], x)
            flash_metrics(&tables.problem.links, x, m)
            for k in range(FLASH_METRICS):
                out[k, i] = m[k]
    return [memoryview(buffer).cast("d")[k * max(1, n):k * max(1, n) + n] for k in range(6)]


cdef int check(Tables tables, int32_t variant, const int32_t[::1] row) except -1:
    cdef flash_variant* v
    cdef int c
    if not 0 <= variant < tables.problem.n_variants:
        raise ValueError(f"variant {variant} is not in 0..{tables.problem.n_variants - 1}")
    v = &tables.problem.variants[variant]
    if row.shape[0] < v.n_cells:
        raise ValueError(f"rows must have {v.n_cells} entries, got {row.shape[0]}")
    for c in range(v.n_cells):
        if not 0 <= row[c] < v.cells[c].rows:
            raise ValueError(f"row {row[c]} of cell {c} is not in 0..{v.cells[c].rows - 1}")
    return 0
