"""The compiled problem as a Python object."""

from libc.stdint cimport int16_t, int64_t

from flash._core.kernels.kernels cimport flash_kernels, flash_packed
from flash._core.tables.problem cimport flash_cell, flash_class, flash_problem, flash_variant

cdef class Classes:
    cdef int n, n_direct
    cdef double* bound
    cdef flash_class* of
    cdef void* memory
    cdef int16_t* direct
    cdef int reserve(self, int n) except -1
    cdef int check(self) except -1


cdef Classes classes_of(classes)
cdef int cells_within(int n) except -1


cdef class Tables:
    cdef flash_problem problem
    cdef void* block          # all rows, one piece of memory
    cdef size_t block_size
    cdef void* small          # variants and cells
    cdef object classes       # keeps the links' arrays alive
    cdef list kept            # and the memory of boundaries and states that no block has
    cdef int ranged           # the cells' low and high are known
    cdef void* packing        # of batches (packing.pxd), made when one is large
    cdef const flash_packed* packed
    cdef int unpackable
    cdef int64_t evaluated    # configurations before
    cdef double* reserve(self, size_t n_numbers) except NULL
    cdef int shape(self, object cells_of) except -1
    cdef int set_links(self, dict links) except -1
    cdef size_t size_up(self, list variants) except? 0
    cdef double* take_cell(self, flash_cell* cell, int c, int before, columns, boundaries,
                           double* at) except NULL
    cdef int check(self) except -1
    cdef double check_column(self, flash_variant* v, int k) except -1.0

cdef const flash_kernels* kernels() noexcept nogil
