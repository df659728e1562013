"""The vector kernels and what they read (see kernels.h and sweep.h), as Cython sees them."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from flash._core.tables.problem cimport N_CELLS, N_COLUMNS, N_METRICS, flash_class, flash_links

cdef enum:               # as the headers have them: sizes that Cython must know
    N_PARTS = 12         # columns of the last cell's rows
    N_POWERS = 4         # exponents of a product of these
    N_PLAIN = 7          # budgets on plain sums
    N_MIXED = 3          # totals in a column of the sieve
    N_LOGS = 16          # logarithms at a time
    N_POINTS = 16        # of a block of a front
    N_KEYS = 14          # that they are compared by
    N_COSTS = 12         # columns that operations are charged to
    N_FEATURES = 44      # of an operation
    N_TERMS = 528        # coefficients of a target
    N_RUNS = 260         # of a network's layers
    N_FAMILY_CELLS = 32
    N_FOLDED = 8         # integers of a folded row
    N_SPLITS = 3         # columns in two parts
    N_PLACES = 8         # cells of a flash_places
    N_CHOICES = 32       # of a row that the eight-wide kernel takes
    N_COUNTS = 2         # metrics that are integers

cdef extern from *:
    """
    #include "kernels/kernels.h"
    _Static_assert(FLASH_PARTS == 12 && FLASH_POWERS == 4 && SWEEP_PLAIN == 7 && SWEEP_MIXED == 3
                       && SWEEP_LOGS == 16 && FLASH_POINTS == 16 && FLASH_KEYS == 14
                       && FLASH_COSTS == 12 && FLASH_FEATURES == 44 && FLASH_TERMS == 528
                       && FLASH_RUNS == 260 && FLASH_FAMILY_CELLS == 32
                       && FOLD_NUMBERS == 8 && FOLD_SPLITS == 3
                       && PLACES_CELLS == 8 && READ_CHOICES == 32 && FLASH_COUNTS == 2,
                   "kernels.pxd has other sizes than the headers");
    """

cdef extern from "kernels/kernels.h" nogil:
    enum:
        PLACES_CELLS
        PACK_DIRECT
        PACK_LINE
        READ_CHOICES
        FLASH_COUNTS
        PACK_FEW
        PACK_PLAIN
        PACK_FOLDED
        PACK_WIDE
        FOLD_SCORE
        FOLD_LATENCY
        FOLD_ENERGY
        FOLD_LATENCY_IN
        FOLD_ENERGY_IN
        FOLD_LEAK
        FOLD_LEAK_IN
        FOLD_PEAK
        FOLD_NUMBERS
        SPLIT_LATENCY_OUT
        SPLIT_ENERGY_OUT
        SPLIT_MACS

    ctypedef struct flash_places:
        int32_t first[N_PLACES]
        uint32_t limit[N_PLACES]
        int32_t need[N_PLACES]

    ctypedef struct flash_packed:
        const double* memory
        const flash_places* part
        int32_t n_variants
        int32_t n_cells
        int32_t layout
        int32_t shift
        int32_t coarse
        int32_t far
        double fold
        double unfold
        const int16_t* class_at
        const flash_links* links
        double base
        uint64_t cut[N_FOLDED]
        uint64_t below[N_FOLDED]
        uint64_t summed[N_FOLDED]
        uint64_t split[N_SPLITS]

    ctypedef struct flash_reading:
        int32_t width
        int32_t kind
        int32_t pairs
        uint16_t limit[N_CHOICES]
        int16_t word[2][N_CHOICES]
        int16_t times[2][N_CHOICES]

    ctypedef struct flash_columns:
        double* metric[N_METRICS]
        int64_t* count[N_COUNTS]

    ctypedef struct flash_stacking:
        int64_t lines
        int64_t positions
        const int32_t* depth_number
        const int64_t* n_runs

    ctypedef struct flash_terms:
        int32_t n
        int32_t feature[N_TERMS]
        int32_t column[N_TERMS]
        double weight[N_TERMS]
        double per_unit[N_COSTS]
        double leak

    enum:
        FLASH_CPU_COUNTS
        FLASH_POINTS
        FLASH_CODES
        FLASH_LAYERS
        FLASH_RUNS
        FLASH_BY_SCALE
        FLASH_AT_MOST

    ctypedef struct flash_stage:
        const flash_links* links
        int32_t final
        int32_t n_columns
        int32_t column[N_COLUMNS]
        int32_t place[N_COLUMNS]
        int32_t corners
        int32_t n_keys
        int32_t kind[N_KEYS]
        int32_t counts
        int32_t goals
        double low[N_COLUMNS]
        double high[N_COLUMNS]
        double margin[N_METRICS]

    ctypedef struct flash_lanes:
        double total[N_COLUMNS][N_POINTS]
        double key[N_KEYS][N_POINTS]
        int32_t known

    ctypedef struct flash_points:
        int64_t n
        int32_t keys
        int32_t alike
        const double* key
        const int16_t* code
        const double* from_ "from"
        const double* per
        const char* record
        int64_t stride

    int16_t flash_code(double key, double from_, double per) noexcept
    int flash_dominates(const flash_stage* stage, const flash_points* of, int64_t number,
                        const flash_lanes* lanes, int at) noexcept

    ctypedef struct flash_run:
        double area
        double into
        double into_step
        double out
        double out_step
        double side
        double padded
        int32_t count

    ctypedef struct flash_network:
        int32_t n_runs
        int32_t n_cells
        double params
        double unit
        double width[N_FAMILY_CELLS]
        double convolutions[N_FAMILY_CELLS]
        double links[N_FAMILY_CELLS]
        flash_run run[N_RUNS]

    enum:
        PART_SCORE
        PART_LATENCY
        PART_LATENCY_IN
        PART_LATENCY_OUT
        PART_ENERGY
        PART_ENERGY_IN
        PART_ENERGY_OUT
        PART_LEAK
        PART_LEAK_IN
        PART_LEAKAGE
        PART_AREA
        PART_PEAK
        FLASH_PARTS

    ctypedef struct flash_parts:
        double own[N_PARTS]
        flash_class of
        double max_latency
        double max_energy
        double max_area
        double least
        double exponent[N_POWERS]

    enum:
        SWEEP_PLAIN
        SWEEP_TOP
        SWEEP_MOST
        SWEEP_ROWS
        SWEEP_STRIDE
        SWEEP_CHUNK
    const double SWEEP_LOG_ERROR
    const double SWEEP_SLACK
    const double SWEEP_LOWERED
    const double SWEEP_SHARES

    ctypedef struct flash_sieve:
        const int16_t* score
        const int16_t* plain[N_PLAIN]
        const int16_t* energy
        const int16_t* leaking
        const int16_t* scale
        int32_t leaks
        int16_t sure

    ctypedef struct flash_gate:
        uint16_t leaking
        uint16_t scale
        int16_t room_energy
        int16_t room[N_PLAIN]
        int16_t need
        int32_t n_plain
        uint16_t by_score
        uint16_t by_energy
        uint16_t by[N_PLAIN]

    ctypedef struct flash_values:
        const float* metric[N_METRICS]
        const float* leaking
        const float* scale
        const float* peak
        float linear
        float power[N_METRICS]
        int32_t leaks

    ctypedef struct flash_level:
        float metric[N_METRICS]
        float leaking
        float scale
        float peak
        float need

    ctypedef struct flash_mix:
        const double* total[N_MIXED]
        double factor[N_MIXED]
        double offset
        double per_unit

    ctypedef struct flash_kernels:
        const char* name
        void (*stack)(const flash_stacking*, int64_t, int64_t, const double*, const double*,
                      const double*, int, double, double*) noexcept nogil
        void (*scale_round)(int64_t, const double*, double, double, double*) noexcept nogil
        double (*weigh)(int64_t, int32_t, const double* const*, const double*,
                        double*) noexcept nogil
        void (*range)(int64_t, const double*, double*, double*) noexcept nogil
        void (*span)(int64_t, const double*, const double*, double*, double*) noexcept nogil
        int64_t (*find)(int64_t, const double*, double) noexcept nogil
        int64_t (*select)(int64_t, const double*, double, int32_t*) noexcept nogil
        int64_t (*fitting)(int64_t, int32_t, const double*, int64_t, const double*,
                           int32_t*) noexcept nogil
        int64_t (*meeting)(int64_t, const double*, int64_t, const flash_parts*,
                           int32_t*) noexcept nogil
        int64_t (*promising_product)(int64_t, const double*, int64_t, const flash_parts*,
                                     int32_t*) noexcept nogil
        int (*from_tables)(const flash_packed*, int64_t, const int32_t*, const int32_t*, int64_t,
                           int64_t, double*) noexcept nogil
        void (*topology)(int64_t, const double*, const double*, const double*, const double*,
                         const double*, double*) noexcept nogil
        uint32_t (*covered)(const flash_stage*, const flash_points*, flash_lanes*, int, int64_t,
                            const int32_t*, uint32_t*) noexcept nogil
        int (*rram_eight)(const flash_terms*, const double*, const double*, const double*,
                          const double*, const double*, double* const*) noexcept nogil
        int (*charge)(const flash_terms*, int, const flash_network*, double*,
                      double*) noexcept nogil
        int64_t (*sieve)(const flash_sieve*, const flash_gate*, int64_t, int64_t, int32_t*,
                         int64_t*, uint8_t*) noexcept nogil
        void (*sieve_values)(const flash_values*, const flash_level*, int64_t, int64_t,
                             const uint8_t*, int32_t*, int64_t*) noexcept nogil
        void (*sixteen_logs)(const float*, float*) noexcept nogil
        int64_t (*from_choices)(const flash_packed*, const flash_reading*, const void*, int64_t,
                                int64_t, const flash_columns*) noexcept nogil
        void (*mix_fixed)(const flash_mix*, int64_t, int64_t, double, int16_t*) noexcept nogil
        void (*mix_float)(const flash_mix*, int64_t, int64_t, float*) noexcept nogil
        void (*measure)(const flash_links*, const flash_class*, const double*, double* const*,
                        int64_t, int64_t, double*) noexcept nogil
        void (*joined)(const flash_stage*, const double*, const double*, const double*,
                       flash_lanes*) noexcept nogil
        void (*keyed)(const flash_stage*, flash_lanes*) noexcept nogil

    const flash_kernels* flash_choose_kernels(const char* forced) noexcept
