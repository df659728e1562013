from libc.stdint cimport int64_t

from flash._core.choice.state cimport State


cdef int pause(State* s) noexcept nogil


cdef class Choices:
    cdef State state
    cdef list held
    cdef public object callback
    cdef object error
    cdef void* take(self, int64_t size) except NULL
