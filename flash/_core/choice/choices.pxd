from libc.stdint cimport int32_t, int64_t

from flash._core.choice.state cimport State


cdef int pause(State* s) noexcept nogil


cdef class Choices:
    cdef State state
    cdef list held               # chunks of memory and their sizes
    cdef char* free              # of the last one
    cdef int64_t room
    cdef int64_t first_work
    cdef public object callback
    cdef object error            # what could not be raised while the GIL was released
    cdef int check(self, const int32_t[::1] start, const double[::1] values,
                   const double[:, ::1] rows, const double[::1] limits,
                   const int64_t[::1] pointer, const int32_t[::1] option,
                   const double[::1] number, const double[::1] sparse_limits) except -1
    cdef int make_room(self) except -1
    cdef void fill_groups(self, const int32_t[::1] start, const double[::1] values) noexcept
    cdef int fill_rows(self, const double[:, ::1] rows, const double[::1] limits,
                       const int64_t[::1] pointer, const int32_t[::1] option,
                       const double[::1] number, const double[::1] sparse_limits) except -1
    cdef void sum_up(self) noexcept
    cdef void* take(self, int64_t size) except NULL
    cdef void* take_zeros(self, int64_t size) except NULL
