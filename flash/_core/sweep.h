/* What the kernels of a complete enumeration read (see sweep.pyx).
 *
 * Rows are sieved in fixed point of 15 bits, all rounded down: what a row adds to a budget's use,
 * in units of about a thirty-thousandth of that budget. A row whose slack is negative breaks a
 * budget; one whose slack is at least `sure` meets all of them, whatever was lost by rounding;
 * between the two it is weighed exactly. */
#ifndef FLASH_SWEEP_H
#define FLASH_SWEEP_H

#include <stdint.h>

#define SWEEP_PLAIN 6 /* budgets on plain sums, and the least accuracy as one */
#define SWEEP_TOP 30000
#define SWEEP_FREE 32767 /* room that nothing uses up */
#define SWEEP_SLACK 1e-6 /* of a unit: rooms and rows are computed in float64, with less error */
#define SWEEP_LOG_ERROR 1.5e-4 /* of a logarithm to base 2 */
#define SWEEP_ROWS 4096  /* of a block */
#define SWEEP_STRIDE 4160 /* apart by no multiple of 4096 bytes */

/* A block's rows, the same for many combinations of the other cells: columns of SWEEP_STRIDE
 * numbers, from a cache line on. */
enum {
    S_SCORE,
    S_LATENCY,
    S_LATENCY_SCALED,
    S_ENERGY,
    S_ENERGY_SCALED,
    S_SCALE,
    S_PLAIN
};
typedef struct {
    const int16_t *column;
    int32_t n_plain;
    int32_t linked; /* latency and energy depend on the class or on each other */
    int16_t sure;
} flash_sieve;

/* One combination of the other cells in one class: the factors, and what is left. */
typedef struct {
    uint16_t latency_factor, energy_factor, latency, scale; /* of 65536 */
    int16_t room_latency, room_energy, room[SWEEP_PLAIN];
    int16_t need; /* a score below it matters no more */
    /* Where the objective is no plain score: a linear function above it, of 65536, that must reach
     * `need`; the weights of the score and, taken off, of the costs. */
    uint16_t by_score, by_latency, by_energy, by[SWEEP_PLAIN];
} flash_gate;

/* A block's rows for an objective that is no plain score: the columns as float32, in the metrics'
 * units. What is compared: linear * score + sum of power * log2(metric). */
typedef struct {
    const float *score, *latency, *latency_scaled, *energy, *energy_scaled, *scale, *area, *params,
        *macs;
    float linear, power[6];
    int32_t linked;
} flash_values;

typedef struct {
    float score, latency, latency_factor, energy, energy_factor, scale, area, params, macs;
    float need; /* by how much, the constant parts taken off */
} flash_level;

#endif
