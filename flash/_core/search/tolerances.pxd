"""What float64 may lose, and by how much a comparison is therefore outward.

Every number here is derived in docs/concepts/proof.md, under its name. Budgets and objectives of a
configuration are compared without any of them: these only decide what is looked at.
"""

cdef enum:
    SUM_ROUNDINGS = 90       # that SUM_SLACK covers

cdef extern from *:
    """
    #define FLASH_BOUND_SLACK 1e-11
    #define FLASH_CONSTRAINT_SLACK 1e-11
    #define FLASH_SUM_SLACK 1e-14
    #define FLASH_LOG_TERMS_SLACK 2e-15
    #define FLASH_UNITS_SLACK 1e-15
    #define FLASH_LOGARITHM_SLACK 1e-12
    #define FLASH_PART_SLACK 1e-12
    #define FLASH_ROUGH_LOG_SLACK 1e-9
    #define FLASH_STREAM_SLACK 1e-9
    #define FLASH_LINK_SLACK 1e-9
    #define FLASH_NARROW 1e-9
    #define FLASH_NARROW_CHORD 1e-12
    #define FLASH_HUGE 1e300
    """
    # relative (of 1 + the size): what a bound may be below an objective that it is to be above
    const double BOUND_SLACK "FLASH_BOUND_SLACK"
    # the same of a constraint's left side, and of a metric's range beside the node's interval
    const double CONSTRAINT_SLACK "FLASH_CONSTRAINT_SLACK"
    # of the absolute values of all terms: a sum over columns, cells and constraints
    const double SUM_SLACK "FLASH_SUM_SLACK"
    # of the absolute values of logarithms that add up to an objective, times their factors
    const double LOG_TERMS_SLACK "FLASH_LOG_TERMS_SLACK"
    # of a score in its column's units: to the metric and back
    const double UNITS_SLACK "FLASH_UNITS_SLACK"
    # of a score with logarithms: log() errs, and two sums in different orders
    const double LOGARITHM_SLACK "FLASH_LOGARITHM_SLACK"
    # of a budget: a cost from the parts of two rows instead of from totals
    const double PART_SLACK "FLASH_PART_SLACK"
    # a unit of exponent: the sifting kernel's own logarithm
    const double ROUGH_LOG_SLACK "FLASH_ROUGH_LOG_SLACK"
    # of 1 + the score that a row must add, where all rows stream past; with UNITS_SLACK of what it
    # is the difference of
    const double STREAM_SLACK "FLASH_STREAM_SLACK"
    # of the least score, which bisection finds
    const double LINK_SLACK "FLASH_LINK_SLACK"
    # relative width of an interval below which it counts as one number: nothing is divided by it
    const double NARROW "FLASH_NARROW"
    const double NARROW_CHORD "FLASH_NARROW_CHORD"
    # beyond all values; its sums over the cells are finite still
    const double HUGE "FLASH_HUGE"
