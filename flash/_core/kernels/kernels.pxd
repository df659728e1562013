"""The vector kernels and what they read (see kernels.h and sweep.h), as Cython sees them."""

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from flash._core.tables.problem cimport N_COLUMNS, flash_class, flash_links

cdef enum:               # as the headers have them: sizes that Cython must know
    N_PARTS = 12
    N_PLAIN = 7

cdef extern from *:
    """
    #include "kernels/kernels.h"
    _Static_assert(FLASH_PARTS == 12 && SWEEP_PLAIN == 7,
                   "kernels.pxd has another number of parts or plain budgets");
    """

cdef extern from "kernels/kernels.h" nogil:
    enum:
        PACK_DIRECT
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
        int32_t first[8]
        uint32_t limit[8]
        int32_t need[8]

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
        uint64_t cut[8]
        uint64_t below[8]
        uint64_t summed[8]
        uint64_t split[3]

    ctypedef struct flash_reading:
        int32_t width
        int32_t kind
        int32_t pairs
        uint16_t limit[32]
        int16_t word[2][32]
        int16_t times[2][32]

    ctypedef struct flash_columns:
        double* metric[6]
        int64_t* count[2]

    ctypedef struct flash_stacking:
        int64_t lines
        int64_t positions
        const int32_t* depth_number
        const int64_t* n_runs

    ctypedef struct flash_terms:
        int32_t n
        int32_t feature[384]
        int32_t column[384]
        double weight[384]
        double per_unit[12]
        double leak

    enum:
        FLASH_POINTS
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
        int32_t kind[N_COLUMNS]
        int32_t counts
        int32_t goals
        double low[N_COLUMNS]
        double high[N_COLUMNS]
        double margin[6]

    ctypedef struct flash_lanes:
        double total[N_COLUMNS][16]
        double key[N_COLUMNS][16]
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
        double width[32]
        double convolutions[32]
        double links[32]
        flash_run run[260]

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
        double exponent[4]

    enum:
        SWEEP_PLAIN
        SWEEP_TOP
        SWEEP_MOST
        SWEEP_ROWS
        SWEEP_STRIDE
        SWEEP_CHUNK
    const double SWEEP_LOG_ERROR
    const double SWEEP_SLACK

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
        const float* metric[6]
        const float* leaking
        const float* scale
        const float* peak
        float linear
        float power[6]
        int32_t leaks

    ctypedef struct flash_level:
        float metric[6]
        float leaking
        float scale
        float peak
        float need

    ctypedef struct flash_mix:
        const double* total[3]
        double factor[3]
        double offset
        double per_unit

    ctypedef struct flash_kernels:
        const char* name
        void (*stack)(const flash_stacking*, int64_t, int64_t, const double*, const double*,
                      const double*, int, double, double*) noexcept nogil
        void (*scale_round)(int64_t, const double*, double, double, double*) noexcept nogil
        double (*weigh)(int64_t, int32_t, const double* const*, const double*, double*) noexcept nogil
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
