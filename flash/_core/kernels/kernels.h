/* Vector kernels with a variant per instruction set, chosen once at import. */
#ifndef FLASH_KERNELS_H
#define FLASH_KERNELS_H

#include "../tables/problem.h"
#include "sweep.h"

#include <stdint.h>

#define PLACES_CELLS 8
/* Where a variant's cells, eight at a time, have their rows. */
typedef struct {
    int32_t first[PLACES_CELLS];  /* of row 0, in numbers */
    uint32_t limit[PLACES_CELLS]; /* rows; 0 beyond the cells */
    int32_t need[PLACES_CELLS];   /* all bits, or none beyond the cells */
} flash_places;

/* Tables for batches: a row is one line of 4, 8 or 16 numbers. Constants are in the first cell's
 * rows; line 0 is zero. The layouts:
 * few: score, latency, params and macs, as doubles;
 * plain, where there are neither classes nor peaks: score, latency, params * fold + scale, macs,
 *   energy, leak and area, as doubles;
 * folded, where there are classes and no areas: eight integers of two columns each, so that a row
 *   is still one cache line;
 * wide, where neither holds the totals: all columns in their order, as doubles. */
#define PACK_DIRECT 4096 /* scales below it find their class at once */
#define PACK_BLOCK 32    /* configurations located before any is worked on */
#define PACK_LINE 8      /* numbers of a cache line */
#define PACK_LONGEST (2 * PACK_LINE) /* numbers of the longest row */
enum { PACK_FEW, PACK_PLAIN, PACK_FOLDED, PACK_WIDE };
/* A folded row's integers: from bit `cut` on the column of this name (of the score what is above
 * `base`, of leaks what is above the latencies), below it another one or a part of it: a split
 * column is (high << split) + low. */
enum {
    FOLD_SCORE,      /* below it energy_out, high part */
    FOLD_LATENCY,    /* latency_out, high part */
    FOLD_ENERGY,     /* macs, high part */
    FOLD_LATENCY_IN, /* energy_out, low part */
    FOLD_ENERGY_IN,  /* latency_out, low part */
    FOLD_LEAK,       /* scale */
    FOLD_LEAK_IN,    /* params */
    FOLD_PEAK,       /* macs, low part */
    FOLD_NUMBERS
};
enum { SPLIT_LATENCY_OUT, SPLIT_ENERGY_OUT, SPLIT_MACS, FOLD_SPLITS };
typedef struct {
    const double *memory;
    const flash_places *part; /* variants x ceil(n_cells / 8) */
    int32_t n_variants, n_cells, layout, shift, coarse;
    int32_t far; /* too large for a core's own caches: rows are fetched early */
    double fold, unfold;
    const int16_t *class_at; /* by scale, then by scale >> coarse: a class or the one before it */
    const flash_links *links;
    double base;
    uint64_t cut[FOLD_NUMBERS];
    uint64_t below[FOLD_NUMBERS];  /* the bits below the cut */
    uint64_t summed[FOLD_NUMBERS]; /* the bits that add up; of the others the most counts */
    uint64_t split[FOLD_SPLITS];
} flash_packed;

_Static_assert(FOLD_NUMBERS == PACK_LINE && FLASH_COLUMNS <= PACK_LONGEST,
               "a folded row is one cache line, a wide one two");
_Static_assert(sizeof(flash_class) == PACK_LINE * sizeof(double), "a class is one cache line");

#define READ_CHOICES 32 /* of a row: 16-bit lanes of the widest register */
/* How a row of at most 32 choice indices tells its variant and its cells' rows: a row's number is
 * the sum of two choices times their strides, or of four. Cells are the first eight numbers, the
 * variant is the ninth. */
typedef struct {
    int32_t width, kind, pairs; /* kind: a choice's bytes, negative if it is signed */
    uint16_t limit[READ_CHOICES]; /* choices of each variable */
    /* number j: words 2 j and 2 j + 1 of each pair */
    int16_t word[2][READ_CHOICES], times[2][READ_CHOICES];
} flash_reading;

#define FLASH_COUNTS 2
/* Where metrics go; those that are NULL nowhere. */
typedef struct {
    double *metric[FLASH_METRICS];
    int64_t *count[FLASH_COUNTS]; /* params, macs */
} flash_columns;

#define FLASH_COSTS (COL_PEAK + 1) /* columns up to the peak */
#define FLASH_FEATURES 44          /* of an operation, at most */
#define FLASH_RRAM_COUNTS 20       /* what the vector kernels count of a layer on an RRAM chip, */
#define FLASH_CPU_COUNTS 10        /* and on a processor, with two more: see operations.pxd */
#define FLASH_FAR_WEIGHTS 4194304.0
#define FLASH_FAR_MAPS 262144.0
#define FLASH_TERMS (FLASH_COSTS * FLASH_FEATURES)
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

#define FLASH_POINTS 16 /* of a block of a front, see cloud.pxd */
#define FLASH_KEYS FLASH_COLUMNS /* numbers that points of a front are compared by, at most */
#define FLASH_BY_SCALE FLASH_METRICS
#define FLASH_AT_MOST (FLASH_BY_SCALE + 1) /* added to a metric: with the most they bring */
/* How sums of rows are compared, see task.pxd: by keys, each a metric (the score's negative)
 * with the least or the most that the missing cells bring, or the scale; and where cells are
 * missing then in all columns, see front_pair.h. */
typedef struct {
    const flash_links *links;
    int32_t final;                        /* no cell is missing: keys alone decide */
    int32_t n_columns;                    /* that anything compared depends on */
    int32_t column[FLASH_COLUMNS];
    int32_t place[FLASH_COLUMNS];         /* of each of these in a record */
    int32_t corners;                      /* of the score, in place of the first keys */
    int32_t n_keys, kind[FLASH_KEYS];     /* a metric or FLASH_BY_SCALE */
    int32_t counts, goals; /* bits: metrics that are compared, those to be improved */
    double low[FLASH_COLUMNS], high[FLASH_COLUMNS]; /* what the missing cells bring */
    double margin[FLASH_METRICS];         /* more than metrics are rounded by */
} flash_stage;

typedef struct { /* what the classes of sixteen sums multiply by, as flash_class */
    double latency_in[FLASH_POINTS], latency_out[FLASH_POINTS];
    double energy_in[FLASH_POINTS], energy_out[FLASH_POINTS];
    double leak_out[FLASH_POINTS], area[FLASH_POINTS];
} flash_factors;

/* Sixteen sums that are to be compared: totals by column, keys, and the factors of their classes
 * with the least and with the most that the missing cells bring (where `known`). */
#ifdef __GNUC__
#define FLASH_LINE __attribute__((aligned(64)))
#else
#define FLASH_LINE
#endif
typedef struct {
    FLASH_LINE flash_factors of[2];
    double total[FLASH_COLUMNS][FLASH_POINTS];
    double key[FLASH_KEYS][FLASH_POINTS];
    int32_t known;
} flash_lanes;

/* Points of a front, sixteen to a block. A code is a key told coarsely: of two keys the smaller
 * never has the larger code. */
typedef struct {
    int64_t n;
    int32_t keys;
    int32_t alike;            /* a point dominates what it is not better than, too */
    const double *key;        /* (blocks, keys, 16) */
    const int16_t *code;      /* the same */
    const double *from, *per; /* of each key: the first code's, and codes for each unit */
    const char *record;       /* of each point, totals first */
    int64_t stride;
} flash_points;

#define FLASH_CODES 65534 /* the largest code, less FLASH_FIRST_CODE: what is beyond has it, too */
#define FLASH_FIRST_CODE (-32767) /* of `from`; what is below has the one before it */
static inline int16_t flash_code(double key, double from, double per)
{
    double code = (key - from) * per;
    code = code < FLASH_CODES ? code : FLASH_CODES;
    code = code > -1.0 ? code : -1.0;
    return (int16_t)((int)code + FLASH_FIRST_CODE);
}

#define PAIR_KIND static inline
#define PAIR(name) flash_##name
#define REAL double
#define MASK int
#define OF(lanes) ((lanes)[at])
#define MOST(a, b) ((a) > (b) ? (a) : (b))
#define CHOICE(mask, a, b) ((mask) ? (a) : (b))
#include "front_pair.h"

/* Whether a point dominates one of sixteen sums; 2 where it is not worse than it in anything, and
 * less in some column. */
static inline int flash_dominates(const flash_stage *s, const flash_points *of, int64_t number,
                                  const flash_lanes *lanes, int at)
{
    static const flash_class none = {0};
    const double *own = of->key + number / FLASH_POINTS * of->keys * FLASH_POINTS
                        + number % FLASH_POINTS;
    const double *record = (const double *)(of->record + number * of->stride);
    double a[FLASH_COLUMNS] = {0.0}, scale = lanes->total[COL_SCALE][at];
    flash_factors ends[2];
    int less = 0, better, other;
    if (number >= of->n)
        return 0;
    for (int32_t d = 0; d < of->keys; d++) {
        if (!(own[d * FLASH_POINTS] <= lanes->key[d][at]))
            return 0;
        less |= own[d * FLASH_POINTS] < lanes->key[d][at];
    }
    if (s->final)
        return of->alike || less;
    for (int32_t i = 0; i < s->n_columns; i++)
        a[s->column[i]] = record[s->place[i]];
    for (int i = 0; i < 2; i++) {
        const flash_links *l = s->links;
        const flash_class *g = &none;
        if (l->n_steps)
            g = &l->of[flash_class_of(l, scale + (i ? s->high : s->low)[COL_SCALE])];
        ends[i].latency_in[at] = g->latency_in;
        ends[i].latency_out[at] = g->latency_out;
        ends[i].energy_in[at] = g->energy_in;
        ends[i].energy_out[at] = g->energy_out;
        ends[i].leak_out[at] = g->leak_out;
    }
    if (!flash_surely(s, a, own, lanes, &ends[0], &ends[1], at, &better, &other))
        return 0;
    return of->alike || better ? 1 : other ? 2 : 0;
}

#define FLASH_LAYERS 4168 /* of a network, and some more: apart by no multiple of 4096 bytes */
/* A cell has at most six, the stem and the head three. */
#define FLASH_FAMILY_CELLS 32 /* of a network of a family, at most */
#define FLASH_RUNS (8 * FLASH_FAMILY_CELLS + 4)
typedef struct {
    int32_t n_runs, n_cells;
    double params; /* of norms and biases */
    double unit;   /* of NN-Degree, inverted */
    double width[FLASH_FAMILY_CELLS], convolutions[FLASH_FAMILY_CELLS], links[FLASH_FAMILY_CELLS];
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
#define FLASH_POWERS 4
typedef struct {
    double own[FLASH_PARTS];
    flash_class of;
    double max_latency, max_energy, max_area;
    double least, exponent[FLASH_POWERS]; /* of a product: of score, latency, energy, area */
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
     * seven numbers beyond row's end are read and three beyond a plane's n are written. NULL where
     * the compiler has no vectors. */
    int (*from_tables)(const flash_packed *packed, int64_t n, const int32_t *variant,
                       const int32_t *row, int64_t width, int64_t plane, double *out);
    /* a cell's topology score in units of 2^-36, see topology.pxd; coefficient: four, and what is
     * added to all */
    void (*topology)(int64_t n, const double *deep, const double *spatial, const double *count,
                     const double *params, const double *coefficient, double *out);
    /* of `count` sums those that no point of a front dominates, see front_body.h */
    uint32_t (*covered)(const flash_stage *stage, const flash_points *of, flash_lanes *lanes,
                        int count, int64_t n, const int32_t *list, uint32_t *perhaps);
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
     * readable for 64 numbers beyond the last row. */
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
    /* a class's columns of a sieve: see flash_mix */
    void (*mix_fixed)(const flash_mix *mix, int64_t from, int64_t to, double most, int16_t *out);
    void (*mix_float)(const flash_mix *mix, int64_t from, int64_t to, float *out);
    /* metrics of a block's rows in one class, see sweep_body.h */
    void (*measure)(const flash_links *links, const flash_class *of, const double *other,
                    double *const *column, int64_t from, int64_t to, double *metric);
    /* totals of a point and of sixteen others, a column's sixteen apart; and keys of totals */
    void (*joined)(const flash_stage *stage, const double *one, const double *others,
                   const double *offset, flash_lanes *lanes);
    void (*keyed)(const flash_stage *stage, flash_lanes *lanes);
} flash_kernels;

/* The best variant that this processor runs for "auto", else the one of this name; NULL where this
 * build or processor has none. */
const flash_kernels *flash_choose_kernels(const char *forced);

#endif
