/* What the kernels of a complete enumeration read (see sweep.pyx).
 *
 * Rows are sieved in fixed point of 15 bits, all rounded down: what a row adds to a budget's use,
 * in units of about a thirty-thousandth of that budget. A row whose slack is negative breaks a
 * budget; one whose slack is at least `sure` meets all of them, whatever was lost by rounding;
 * between the two it is weighed exactly.
 *
 * What a class multiplies is multiplied once per row and class (sieve.pxd): the rows of a
 * tile are the same for many combinations of the other cells, and so are the classes. */
#ifndef FLASH_SWEEP_H
#define FLASH_SWEEP_H

#include "../tables/problem.h"

#include <stdint.h>

#define SWEEP_PLAIN 7 /* budgets on plain sums at most, the least accuracy among them */
#define SWEEP_TOP 30000
#define SWEEP_MOST 32767 /* of a column's number; rooms are less */
/* Of a unit: more than float64 rounds a room, or a row's number, by. Rooms are widened by the one,
 * rows lowered by the other. */
#define SWEEP_SLACK 1e-6
#define SWEEP_LOWERED 1e-7
#define SWEEP_LOG_ERROR 1.5e-4 /* of sixteen_logs: of a logarithm to base 2 */
#define SWEEP_ROWS 4096  /* of a tile (tile.pxd) */
#define SWEEP_STRIDE 4160 /* columns are apart by no multiple of 4096 bytes */
#define SWEEP_CHUNK 256 /* rows that are measured at a time */
#define SWEEP_LOGS 16   /* logarithms at a time */
#define SWEEP_SHARES 65536.0 /* 16 bits: what a weight of the sieve's columns is a share of */

/* A tile's rows in one class: columns of SWEEP_STRIDE numbers, from a cache line on. */
typedef struct {
    const int16_t *score;
    const int16_t *plain[SWEEP_PLAIN];
    const int16_t *energy, *leaking, *scale; /* where the energy holds scale times leaking */
    int32_t leaks;
    int16_t sure;
} flash_sieve;

/* One combination of the other cells in one class: what it has itself, and what is left. */
typedef struct {
    uint16_t leaking, scale;
    int16_t room_energy, room[SWEEP_PLAIN];
    int16_t need; /* a score below it matters no more */
    int32_t n_plain; /* of the sieve's plain columns that count here */
    /* Where the objective is no plain score: a linear function above it, of 65536, that must reach
     * `need`; the weights of the score and, taken off, of the costs. */
    uint16_t by_score, by_energy, by[SWEEP_PLAIN];
} flash_gate;

/* A tile's rows in one class for an objective that is no plain score: of each metric what adds up,
 * in the metric's units, as float32, and what else the energy and the area need. What is compared:
 * linear * score + sum of power * log2(metric). */
typedef struct {
    const float *metric[FLASH_METRICS], *leaking, *scale, *peak;
    float linear, power[FLASH_METRICS];
    int32_t leaks;
} flash_values;

typedef struct {
    float metric[FLASH_METRICS], leaking, scale, peak;
    float need; /* by how much, the constant parts taken off */
} flash_level;

#define SWEEP_MIXED 3
/* A row's number of a column: a sum of three totals, from `offset` on, in units of 1 / per_unit. */
typedef struct {
    const double *total[SWEEP_MIXED];
    double factor[SWEEP_MIXED];
    double offset, per_unit;
} flash_mix;

#endif
