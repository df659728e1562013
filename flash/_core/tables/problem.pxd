"""The compiled problem in C (see problem.h), as Cython sees it."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t

cdef enum:               # as problem.h has them: sizes that Cython must know
    N_COLUMNS = 14
    N_METRICS = 6
    N_CELLS = 128        # at most
    N_STATES = 64        # at most
    N_VARIABLES = 5

cdef extern from *:
    """
    #include "tables/problem.h"
    _Static_assert(FLASH_COLUMNS == 14 && FLASH_METRICS == 6 && FLASH_MAX_CELLS == 128
                       && FLASH_MAX_STATES == 64 && FLASH_VARIABLES == 5,
                   "problem.pxd has other sizes than problem.h");
    """

cdef extern from "tables/problem.h" nogil:
    enum:
        FLASH_COLUMNS
        FLASH_METRICS
        FLASH_MAX_CELLS
        FLASH_MAX_STATES
        FLASH_VARIABLES
        COL_SCORE
        COL_LATENCY
        COL_LATENCY_IN
        COL_LATENCY_OUT
        COL_ENERGY
        COL_ENERGY_IN
        COL_ENERGY_OUT
        COL_LEAK
        COL_LEAK_IN
        COL_SCALE
        COL_AREA
        COL_PEAK
        COL_PARAMS
        COL_MACS
        M_SCORE
        M_LATENCY
        M_ENERGY
        M_AREA
        M_PARAMS
        M_MACS
        LINK_NONE
        LINK_EXPONENTIAL
        LINK_LOGISTIC
        OVER_BUDGET
        FEASIBLE
        NEW_BEST

    ctypedef struct flash_cell:
        int64_t rows
        int32_t states
        int32_t classes
        const uint8_t* state_at
        int32_t incoming
        int32_t dims[N_VARIABLES]
        int64_t space_rows
        double* column[N_COLUMNS]
        int32_t joined
        double low[N_COLUMNS]
        double high[N_COLUMNS]
        double* boundary[N_COLUMNS]

    ctypedef struct flash_variant:
        int32_t n_cells
        flash_cell* cells
        double constant[N_COLUMNS]
        int32_t peak_cell

    ctypedef struct flash_class:
        double latency_in
        double latency_out
        double energy_in
        double energy_out
        double leak_out
        double area

    ctypedef struct flash_links:
        int32_t n_direct
        const int16_t* class_at
        int32_t n_steps
        const double* scale_max
        const flash_class* of
        double leakage
        double area_per_scale
        int32_t linked
        double quantum[N_METRICS]
        int32_t modelled
        int32_t score_link
        double link_a
        double link_b
        double link_c
        double log_params
        double log_macs

    ctypedef struct flash_query:
        double maximum[N_METRICS]
        double min_accuracy
        int32_t product
        double exponent[N_METRICS]

    ctypedef struct flash_problem:
        int32_t n_variants
        int32_t present
        flash_variant* variants
        flash_links links

    ctypedef struct flash_point:
        int32_t found
        int32_t variant
        int32_t row[N_CELLS]
        double objective
        double metric[N_METRICS]

    int flash_class_of(const flash_links* links, double scale) noexcept
    const flash_class* flash_class_at(const flash_links* links, const double* total) noexcept
    double flash_latency(const flash_links* links, const flash_class* of,
                         const double* total) noexcept
    double flash_energy(const flash_links* links, const flash_class* of,
                        const double* total) noexcept
    double flash_area(const flash_links* links, const flash_class* of,
                      const double* total) noexcept
    void flash_metrics(const flash_links* links, const double* total, double* metric) noexcept
    double flash_accuracy(const flash_links* links, double score) noexcept
    int flash_saturated(const flash_links* links, double score) noexcept
    int flash_feasible(const flash_links* links, const flash_query* query,
                       const double* metric) noexcept
    double flash_objective(const flash_links* links, const flash_query* query,
                           const double* metric) noexcept

    int64_t flash_state_of(const flash_cell* cell, int64_t row) noexcept
    int flash_follows(const flash_cell* before, int64_t t, const flash_cell* cell,
                      int64_t s) noexcept
    double flash_joined(int column, double a, double b) noexcept
    void flash_totals(const flash_variant* variant, const int32_t* row, double* total) noexcept
    int flash_precedes(const flash_point* a, const flash_point* b, int32_t n_cells) noexcept
    int flash_weigh(const flash_problem* problem, const flash_query* query, int32_t variant,
                    const int32_t* row, flash_point* point, flash_point* best) noexcept
    int flash_try(const flash_problem* problem, const flash_query* query, int32_t variant,
                  const int32_t* row, flash_point* best) noexcept
