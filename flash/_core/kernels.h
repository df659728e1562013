/* Vector kernels with a variant per instruction set, chosen once at import. */
#ifndef FLASH_KERNELS_H
#define FLASH_KERNELS_H

#include "problem.h"
#include "sweep.h"

#include <stdint.h>

/* Where a variant's cells, eight at a time, have their rows. */
typedef struct {
    int32_t first[8]; /* of row 0, in doubles */
    uint32_t limit[8]; /* rows; 0 beyond the cells */
    int32_t need[8];  /* all bits, or none beyond the cells */
} flash_places;

/* Tables for batches: a row is one line of doubles. With shift 2 score, latency, params and macs;
 * with shift 3 also scaled latency, energy, scaled energy and area, and params * fold + scale in
 * the place of params. Constants are in the first cell's rows; line 0 is zero. */
#define PACK_DIRECT 4096
#define PACK_BLOCK 64
typedef struct {
    const double *memory;
    const flash_places *part; /* variants x ceil(n_cells / 8) */
    int32_t n_variants, n_cells, shift, coarse;
    int32_t far; /* too large for a core's own caches: rows are fetched early */
    double fold, unfold;
    const double *factor;    /* of each class: latency, energy, area, and its greatest scale */
    const int16_t *class_at; /* by scale, then by scale >> coarse: a class or the one before it */
    const flash_links *links;
} flash_packed;

/* How a row of at most 32 choice indices tells its variant and its cells' rows: a row's number is
 * the sum of two choices times their strides, or of four. Cells are the first eight numbers, the
 * variant is the ninth. */
typedef struct {
    int32_t width, kind, pairs; /* kind: a choice's bytes, negative if it is signed */
    uint16_t limit[32];         /* choices of each variable */
    int16_t word[2][32], times[2][32]; /* number j: words 2 j and 2 j + 1 of each pair */
} flash_reading;

/* Where metrics go; those that are NULL nowhere. */
typedef struct {
    double *metric[4]; /* score, latency, energy, area */
    int64_t *count[2]; /* params, macs */
} flash_columns;

#define FLASH_COSTS 12 /* columns up to the peak */
#define FLASH_TERMS 384
/* A target's coefficients that are not zero, column by column. */
typedef struct {
    int32_t n;
    int32_t feature[FLASH_TERMS], column[FLASH_TERMS];
    double weight[FLASH_TERMS];
    double per_unit[FLASH_COSTS]; /* 1 / what a unit of each column is worth: powers of two */
    double leak; /* what latency leaks more by, for each step of a layer */
} flash_terms;

/* Layers alike, or of linearly growing channels. area: of the kernel; negative where depthwise,
 * none for an elementwise pass over the output. */
typedef struct {
    double area, into, into_step, out, out_step, side;
    double padded; /* positions of the input, with its padding */
    int32_t count;
} flash_run;

#define FLASH_POINTS 16 /* of a block of a front, see front.pxd */
#define FLASH_LAYERS 4168 /* of a network, and some more: apart by no multiple of 4096 bytes */
#define FLASH_RUNS 260
typedef struct {
    int32_t n_runs, n_cells;
    double params; /* of norms and biases */
    double unit;   /* of NN-Degree, inverted */
    double width[FLASH_MAX_CELLS], convolutions[FLASH_MAX_CELLS], links[FLASH_MAX_CELLS];
    flash_run run[FLASH_RUNS];
} flash_network;

/* The columns of the last cell's rows that are sifted, in the metrics' units, and what the other
 * cells cost already. Latency, energy and leakage as in flash_metrics, of one class for all. */
enum {
    PART_SCORE,
    PART_LATENCY,
    PART_LATENCY_IN,
    PART_LATENCY_OUT,
    PART_ENERGY,
    PART_ENERGY_IN,
    PART_ENERGY_OUT,
    PART_LEAK,
    PART_LEAK_IN,
    PART_LEAKAGE, /* what leaks: of the scale */
    PART_AREA,    /* with that of the scale */
    PART_PEAK,
    FLASH_PARTS
};
typedef struct {
    double own[FLASH_PARTS];
    flash_class of;
    double max_latency, max_energy, max_area;
    double least, exponent[4]; /* of a product: of score, latency, energy, area */
} flash_parts;

/* Rows of a cell: positions one after another. At position i the first n_runs[i] lines take a shape
 * of their own, the others the one of `rest`. What there is after d positions is written as the
 * rows of depth_number[d], where that is not negative. */
typedef struct {
    int64_t lines, positions;
    const int32_t *depth_number;
    const int64_t *n_runs;
} flash_stacking;

typedef struct {
    const char *name;
    /* of the lines [from, to) of a cell prefix sums over its positions, or maxima */
    void (*stack)(const flash_stacking *stack, int64_t from, int64_t to, const double *first,
                  const double *other, const double *rest, int peak, double start, double *out);
    void (*scale_round)(int64_t n, const double *x, double scale, double offset, double *out);
    double (*weigh)(int64_t n, int32_t n_columns, const double *const *column,
                    const double *weight, double *value);
    void (*range)(int64_t n, const double *x, double *low, double *high);
    /* the least of one array and the greatest of another */
    void (*span)(int64_t n, const double *x, const double *y, double *low, double *high);
    int64_t (*find)(int64_t n, const double *value, double x);
    int64_t (*select)(int64_t n, const double *value, double least, int32_t *chosen);
    int64_t (*fitting)(int64_t n, int32_t n_limits, const double *use, int64_t stride,
                       const double *room, int32_t *chosen);
    int64_t (*meeting)(int64_t n, const double *column, int64_t stride, const flash_parts *own,
                       int32_t *chosen);
    int64_t (*promising_product)(int64_t n, const double *column, int64_t stride,
                                 const flash_parts *own, int32_t *chosen);
    /* Metrics of n configurations, `plane` numbers apart; nonzero if any was out of range. Up to
     * seven numbers beyond row's end are read and three beyond a plane's n are written. */
    int (*from_tables)(const flash_packed *packed, int64_t n, const int32_t *variant,
                       const int32_t *row, int64_t width, int64_t plane, double *out);
    /* a cell's topology score in units of 2^-36, see terms.pxd */
    void (*topology)(int64_t n, const double *deep, const double *spatial, const double *count,
                     const double *params, const double *coefficient, double *out);
    /* of sixteen candidates those that no point of a front dominates, see front_body.h */
    uint32_t (*covered)(int32_t keys, int32_t strict, const double *lanes, int64_t n,
                        const int32_t *list, const double *low, const double *key,
                        uint32_t *perhaps);
    /* The next two are NULL where the compiler has no vectors.
     * Costs of eight layers; nonzero where one is too large, 2^51 units and more. */
    int (*rram_eight)(const flash_terms *terms, const double *in_channels,
                       const double *kernel_area, const double *out_channels,
                       const double *positions, const double *padded, double *const *column);
    /* A network's totals, every layer charged; 0 where there are too many or one is too large for
     * the rounding. `layer`: room for 5 * FLASH_LAYERS numbers. */
    int (*charge)(const flash_terms *terms, int rram, const flash_network *network, double *layer,
                  double *x);
    /* The sieve of a complete enumeration, see sweep_body.h. Columns are aligned to cache lines and
     * readable for SWEEP_ROOM numbers beyond the last row. */
    int64_t (*sieve)(const flash_sieve *sieve, const flash_gate *gate, int64_t from, int64_t to,
                     int32_t *chosen, int64_t *n_chosen, uint8_t *may_meet);
    void (*sieve_values)(const flash_values *values, const flash_level *level, int64_t from,
                         int64_t to, const uint8_t *may_meet, int32_t *chosen, int64_t *n_chosen);
    /* log2 to SWEEP_LOG_ERROR; `out` starts a cache line */
    void (*sixteen_logs)(const float *x, float *out);
    /* Metrics of the configurations [first, last); -1, or one at or before the first that is out
     * of range. At most eight cells. NULL where registers do not hold eight numbers. */
    int64_t (*from_choices)(const flash_packed *packed, const flash_reading *reading,
                            const void *choices, int64_t first, int64_t last,
                            const flash_columns *to);
} flash_kernels;

/* The best variant that this processor runs for "auto", else the one of this name; NULL where this
 * build or processor has none. */
const flash_kernels *flash_choose_kernels(const char *forced);

#endif
