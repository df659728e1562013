/* Vector kernels with a variant per instruction set, chosen once at import. */
#ifndef FLASH_KERNELS_H
#define FLASH_KERNELS_H

#include <stdint.h>

/* A target's coefficients that are not zero, column by column. */
typedef struct {
    int32_t n;
    int32_t feature[224], column[224];
    double weight[224];
    double per_unit[7]; /* 1 / what a unit of each column is worth: powers of two */
} flash_terms;

typedef struct {
    const char *name;
    void (*accumulate)(int64_t n, int64_t n_runs, const double *run, double rest, double *total,
                       double *out);
    void (*scale_round)(int64_t n, const double *x, double scale, double offset, double *out);
    double (*weigh)(int64_t n, int32_t n_columns, const double *const *column,
                    const double *weight, double *value);
    void (*range)(int64_t n, const double *x, double *low, double *high);
    int64_t (*select)(int64_t n, const double *value, double least, int32_t *chosen);
    int64_t (*promising)(int64_t n, const double *const *column, double f, double h, double need,
                         const double *room, int32_t *chosen);
    /* costs of eight layers; NULL where the compiler has no vectors. Right below 2^51 units. */
    void (*rram_eight)(const flash_terms *terms, const double *in_channels,
                       const double *kernel_area, const double *out_channels,
                       const double *positions, double *const *column);
} flash_kernels;

/* The best variant that this processor runs for "auto", else the one of this name; NULL where this
 * build or processor has none. */
const flash_kernels *flash_choose_kernels(const char *forced);

#endif
