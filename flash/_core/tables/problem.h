/* The compiled problem, as the kernels and the solvers see it.
 *
 * A network is one row per cell. A row holds one number per column; the totals of a
 * configuration are the sums of its rows, its boundaries and a constant, but for the peak, which
 * is their maximum. Every number is an integer held in a double (fixed point, see `quantum`) and
 * every total stays below 2^53, and so does an area with its peak: sums are exact in any order and
 * in any grouping. Metrics are fixed formulas of the totals.
 */
#ifndef FLASH_PROBLEM_H
#define FLASH_PROBLEM_H

#include <math.h>
#include <stdint.h>

#define FLASH_MAX_CELLS 128
#define FLASH_MAX_STATES 64
#define FLASH_VARIABLES 5 /* of a cell: what its rows are numbered by */
#define FLASH_COLUMNS 14
enum {
    COL_SCORE,       /* NN-Degree or a predictor's additive score */
    COL_LATENCY,     /* latency that does not depend on the class */
    COL_LATENCY_IN,  /* latency that the class multiplies, each by a factor of its own (rram: the */
    COL_LATENCY_OUT, /* chip's bus: inputs and outputs) */
    COL_ENERGY,
    COL_ENERGY_IN,
    COL_ENERGY_OUT,
    COL_LEAK,    /* latency weighted by what leaks meanwhile */
    COL_LEAK_IN, /* the same of COL_LATENCY_IN */
    COL_SCALE,   /* its total selects the class (rram: tiles, hence the tile grid) */
    COL_AREA,
    COL_PEAK, /* area that is there once, for the largest: its total is a maximum, no sum */
    COL_PARAMS,
    COL_MACS
};

#define FLASH_METRICS 6
enum { M_SCORE, M_LATENCY, M_ENERGY, M_AREA, M_PARAMS, M_MACS };

/* What makes an accuracy of a score. */
enum {
    LINK_NONE,       /* the score itself */
    LINK_EXPONENTIAL, /* 1 / (a + exp(b / score + c)) */
    LINK_LOGISTIC    /* a / (1 + exp(-score)) */
};

/* The exponent in a link ends here: exp() of somewhat more is infinite, and an accuracy of 0 would be
 * that of all networks beyond. */
#define FLASH_LARGE_EXPONENT 700.0

/* What weighing a configuration tells. */
enum { OVER_BUDGET = -1, FEASIBLE = 0, NEW_BEST = 1 };

typedef struct {
    int64_t rows;                    /* those of a state are contiguous, but for state_at */
    int32_t states;                  /* hand-on states (free widths); 1 without coupling */
    int32_t classes;                 /* states of a pair of widths: of rows told apart by more */
    const uint8_t *state_at;         /* of each row, where there are such classes; else NULL */
    int32_t joined;                  /* it has boundaries */
    int32_t incoming;                /* widths that may come in; states are (incoming, own) pairs */
    int32_t dims[FLASH_VARIABLES];   /* choices per variable, most significant first */
    int64_t space_rows;              /* rows of the search space: row r stands for r % space_rows */
    double *column[FLASH_COLUMNS];   /* rows numbers each; NULL where the column is absent */
    double low[FLASH_COLUMNS], high[FLASH_COLUMNS]; /* of each column */
    double *boundary[FLASH_COLUMNS]; /* (states of the previous cell) x states, or NULL */
} flash_cell;

typedef struct {
    int32_t n_cells;
    flash_cell *cells;
    double constant[FLASH_COLUMNS];
    int32_t peak_cell; /* the cell whose peak is the total's linear lower bound */
} flash_variant;

typedef struct {
    double latency_in, latency_out; /* what the scaled columns are multiplied by */
    double energy_in, energy_out;
    double leak_out; /* what COL_LATENCY_OUT is multiplied by where it leaks */
    double area;     /* of the chip, beside what grows with the scale (rram: the bus) */
    double padding[2]; /* a cache line */
} flash_class;

typedef struct {
    int32_t n_direct;             /* scales below it find their class in class_at */
    const int16_t *class_at;
    int32_t n_steps;              /* classes by scale: 0 when nothing depends on it */
    const double *scale_max;   /* class g holds while scale <= scale_max[g]; the last is inf */
    const flash_class *of;     /* of each class; no number of it falls from one to the next */
    double leakage;            /* energy per unit of scale and of leaking latency */
    double area_per_scale;
    int32_t linked; /* any of these: costs are no plain sums */
    double quantum[FLASH_METRICS]; /* what one unit of a column is worth */
    int32_t modelled;              /* bit m: metric m is known */
    int32_t score_link;            /* of the accuracy: a LINK_... */
    double link_a, link_b, link_c;
    double log_macs, log_params; /* what the logarithm of each adds to the score; 0 where nothing */
} flash_links;

typedef struct {
    double maximum[FLASH_METRICS]; /* budgets on the reported metrics; inf where free */
    double min_accuracy;           /* on the linked score; -inf where free */
    int32_t product;               /* 0: maximise the score; 1: the weighted product */
    double exponent[FLASH_METRICS];
} flash_query;

typedef struct {
    int32_t n_variants;
    int32_t present; /* bit k: column k is in the tables */
    flash_variant *variants;
    flash_links links;
} flash_problem;

/* A configuration and what is reported of it. */
typedef struct {
    int32_t found;
    int32_t variant;
    int32_t row[FLASH_MAX_CELLS];
    double objective;
    double metric[FLASH_METRICS];
} flash_point;

static inline int flash_class_of(const flash_links *l, double scale)
{
    if (scale < l->n_direct && scale >= 0.0)
        return l->class_at[(int)scale];
    int low = 0, high = l->n_steps - 1;
    while (low < high) {
        int middle = (low + high) / 2;
        if (scale <= l->scale_max[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The class that a configuration is in; zeros where nothing depends on it. */
static inline const flash_class *flash_class_at(const flash_links *l, const double *x)
{
    static const flash_class none = {0};
    return l->n_steps ? &l->of[flash_class_of(l, x[COL_SCALE])] : &none;
}

/* The one definition of every reported number. The order of operations is part of it, and each
 * formula is non-decreasing in every total it takes (rounding is monotone), but for a score that
 * falls with the logarithm of another total. */
static inline double flash_latency(const flash_links *l, const flash_class *g, const double *x)
{
    const double ms = l->quantum[M_LATENCY];
    return ms * x[COL_LATENCY]
           + (g->latency_in * (ms * x[COL_LATENCY_IN])
              + g->latency_out * (ms * x[COL_LATENCY_OUT]));
}

static inline double flash_energy(const flash_links *l, const flash_class *g, const double *x)
{
    const double ms = l->quantum[M_LATENCY], mj = l->quantum[M_ENERGY];
    return (mj * x[COL_ENERGY]
            + (g->energy_in * (mj * x[COL_ENERGY_IN]) + g->energy_out * (mj * x[COL_ENERGY_OUT])))
           + (l->leakage * x[COL_SCALE])
                 * (ms * x[COL_LEAK]
                    + (g->latency_in * (ms * x[COL_LEAK_IN])
                       + g->leak_out * (ms * x[COL_LATENCY_OUT])));
}

static inline double flash_area(const flash_links *l, const flash_class *g, const double *x)
{
    return l->quantum[M_AREA] * (x[COL_AREA] + x[COL_PEAK])
           + (l->area_per_scale * x[COL_SCALE] + g->area);
}

static inline void flash_metrics(const flash_links *l, const double *x, double *m)
{
    const flash_class *g;
    m[M_SCORE] = l->quantum[M_SCORE] * x[COL_SCORE];
    if (l->log_macs != 0.0)
        m[M_SCORE] += l->log_macs * log(x[COL_MACS]);
    if (l->log_params != 0.0)
        m[M_SCORE] += l->log_params * log(x[COL_PARAMS]);
    m[M_PARAMS] = x[COL_PARAMS];
    m[M_MACS] = x[COL_MACS];
    if (!l->linked) { /* the same: all other terms are 0 */
        m[M_LATENCY] = l->quantum[M_LATENCY] * x[COL_LATENCY];
        m[M_ENERGY] = l->quantum[M_ENERGY] * x[COL_ENERGY];
        m[M_AREA] = l->quantum[M_AREA] * (x[COL_AREA] + x[COL_PEAK]);
        return;
    }
    g = flash_class_at(l, x);
    m[M_LATENCY] = flash_latency(l, g, x);
    m[M_ENERGY] = flash_energy(l, g, x);
    m[M_AREA] = flash_area(l, g, x);
}

/* Whether the exponent of a score's link is at its end: less of the score changes nothing. */
static inline int flash_saturated(const flash_links *l, double score)
{
    if (l->score_link == LINK_NONE)
        return 0;
    if (l->score_link == LINK_LOGISTIC)
        return !(-score < FLASH_LARGE_EXPONENT);
    return !(score > 0.0) || !(l->link_b / score + l->link_c < FLASH_LARGE_EXPONENT);
}

static inline double flash_accuracy(const flash_links *l, double score)
{
    double z;
    if (l->score_link == LINK_NONE)
        return score;
    z = l->score_link == LINK_LOGISTIC ? -score : l->link_b / score + l->link_c;
    if (!(z < FLASH_LARGE_EXPONENT) || (score <= 0.0 && l->score_link != LINK_LOGISTIC))
        z = FLASH_LARGE_EXPONENT;
    if (l->score_link == LINK_LOGISTIC)
        return l->link_a / (1.0 + exp(z));
    return 1.0 / (l->link_a + exp(z));
}

/* Feasible if and only if every reported metric meets its budget. */
static inline int flash_feasible(const flash_links *l, const flash_query *q, const double *m)
{
    for (int k = 1; k < FLASH_METRICS; k++)
        if (m[k] > q->maximum[k])
            return 0;
    return q->min_accuracy == -INFINITY || flash_accuracy(l, m[M_SCORE]) >= q->min_accuracy;
}

/* What is compared: the score, or the logarithm of the weighted product. */
static inline double flash_objective(const flash_links *l, const flash_query *q, const double *m)
{
    if (!q->product)
        return m[M_SCORE];
    double sum = 0.0;
    for (int k = 0; k < FLASH_METRICS; k++)
        if (q->exponent[k] != 0.0) {
            double factor = k ? m[k] : flash_accuracy(l, m[k]);
            sum += q->exponent[k] * (factor > 0.0 ? log(factor) : -INFINITY);
        }
    return sum == sum ? sum : -INFINITY; /* 0 times infinity */
}

static inline int64_t flash_state_of(const flash_cell *cell, int64_t row)
{
    if (cell->state_at)
        return cell->state_at[row];
    return cell->states == 1 ? 0 : row / (cell->rows / cell->states);
}

/* May state s of a cell follow state t of the cell before it? */
static inline int flash_follows(const flash_cell *before, int64_t t, const flash_cell *cell,
                                int64_t s)
{
    if (cell->incoming <= 1)
        return 1;
    int32_t state = (int32_t)t, own = before->states / before->incoming;
    if (before->classes != 1) {
        state /= before->classes;
        own /= before->classes;
    }
    return state % own == (int32_t)s / (cell->states / cell->incoming);
}

/* A column's total of two parts of a configuration. */
static inline double flash_joined(int k, double a, double b)
{
    if (k == COL_PEAK)
        return a > b ? a : b;
    return a + b;
}

static inline void flash_totals(const flash_variant *v, const int32_t *row, double *x)
{
    for (int k = 0; k < FLASH_COLUMNS; k++)
        x[k] = v->constant[k];
    int64_t before = 0;
    for (int c = 0; c < v->n_cells; c++) {
        const flash_cell *cell = &v->cells[c];
        int64_t state;
        for (int k = 0; k < FLASH_COLUMNS; k++)
            if (cell->column[k])
                x[k] = flash_joined(k, x[k], cell->column[k][row[c]]);
        if (!cell->joined && (c + 1 == v->n_cells || !v->cells[c + 1].joined))
            continue; /* nobody asks for its state */
        state = flash_state_of(cell, row[c]);
        if (cell->joined)
            for (int k = 0; k < FLASH_COLUMNS; k++)
                if (cell->boundary[k])
                    x[k] += cell->boundary[k][before * cell->states + state];
        before = state;
    }
}

/* The order of answers: objective, then lower latency, energy and area, then the higher score,
 * then the smaller flat index (variant, then rows). 1 if a comes before b. */
static inline int flash_precedes(const flash_point *a, const flash_point *b, int32_t n_cells)
{
    if (!b->found)
        return 1;
    if (a->objective != b->objective)
        return a->objective > b->objective;
    for (int k = M_LATENCY; k <= M_AREA; k++)
        if (a->metric[k] != b->metric[k])
            return a->metric[k] < b->metric[k];
    if (a->metric[M_SCORE] != b->metric[M_SCORE])
        return a->metric[M_SCORE] > b->metric[M_SCORE];
    if (a->variant != b->variant)
        return a->variant < b->variant;
    for (int c = 0; c < n_cells; c++)
        if (a->row[c] != b->row[c])
            return a->row[c] < b->row[c];
    return 0;
}

/* Weighs one configuration against the best so far: NEW_BEST, FEASIBLE or OVER_BUDGET. The point's
 * objective and metrics are filled in. */
static inline int flash_weigh(const flash_problem *p, const flash_query *q, int32_t variant,
                              const int32_t *row, flash_point *point, flash_point *best)
{
    const flash_variant *v = &p->variants[variant];
    double total[FLASH_COLUMNS];
    flash_totals(v, row, total);
    flash_metrics(&p->links, total, point->metric);
    if (!flash_feasible(&p->links, q, point->metric))
        return OVER_BUDGET;
    point->objective = flash_objective(&p->links, q, point->metric);
    if (best->found && point->objective < best->objective)
        return FEASIBLE;
    point->variant = variant;
    point->found = 1;
    for (int c = 0; c < v->n_cells; c++)
        point->row[c] = row[c];
    if (!flash_precedes(point, best, v->n_cells))
        return FEASIBLE;
    *best = *point;
    return NEW_BEST;
}

static inline int flash_try(const flash_problem *p, const flash_query *q, int32_t variant,
                            const int32_t *row, flash_point *best)
{
    flash_point point;
    return flash_weigh(p, q, variant, row, &point, best);
}

#endif
