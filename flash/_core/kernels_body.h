/* The vector kernels, compiled once per instruction set (see kernels.c). Each is an obvious loop
 * in a shape that compilers turn into vectors; lanes are explicit where a reduction is needed,
 * because without -ffast-math a compiler keeps the order of comparisons. */

#define LANES 16

TARGET static void KERNEL(accumulate)(int64_t n, int64_t n_runs, const double *run, double rest,
                                      double *total, double *out)
{
    for (int64_t j = 0; j < n_runs; j++)
        out[j] = total[j] = total[j] + run[j];
    for (int64_t j = n_runs; j < n; j++)
        out[j] = total[j] = total[j] + rest;
}

/* out = offset + rint(scale * x) for |scale * x| < 2^51 */
TARGET static void KERNEL(scale_round)(int64_t n, const double *x, double scale, double offset,
                                       double *out)
{
    const double magic = 6755399441055744.0; /* 1.5 * 2^52 */
    for (int64_t j = 0; j < n; j++)
        out[j] = offset + ((x[j] * scale + magic) - magic);
}

/* value[i] = sum_k weight[k] * column[k][i]; returns the largest */
TARGET static double KERNEL(weigh)(int64_t n, int32_t n_columns, const double *const *column,
                                   const double *weight, double *value)
{
    double best[LANES];
    for (int l = 0; l < LANES; l++)
        best[l] = -INFINITY;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        double v[LANES];
        for (int l = 0; l < LANES; l++)
            v[l] = weight[0] * column[0][i + l];
        for (int32_t k = 1; k < n_columns; k++) {
            const double w = weight[k];
            const double *c = column[k] + i;
            for (int l = 0; l < LANES; l++)
                v[l] += w * c[l];
        }
        for (int l = 0; l < LANES; l++) {
            value[i + l] = v[l];
            best[l] = v[l] > best[l] ? v[l] : best[l];
        }
    }
    double top = -INFINITY;
    for (int l = 0; l < LANES; l++)
        top = best[l] > top ? best[l] : top;
    for (; i < n; i++) {
        double v = weight[0] * column[0][i];
        for (int32_t k = 1; k < n_columns; k++)
            v += weight[k] * column[k][i];
        value[i] = v;
        top = v > top ? v : top;
    }
    return top;
}

TARGET static void KERNEL(range)(int64_t n, const double *x, double *low, double *high)
{
    double a[LANES], b[LANES];
    for (int l = 0; l < LANES; l++) {
        a[l] = INFINITY;
        b[l] = -INFINITY;
    }
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            double v = x[i + l];
            a[l] = v < a[l] ? v : a[l];
            b[l] = v > b[l] ? v : b[l];
        }
    double p = INFINITY, q = -INFINITY;
    for (int l = 0; l < LANES; l++) {
        p = a[l] < p ? a[l] : p;
        q = b[l] > q ? b[l] : q;
    }
    for (; i < n; i++) {
        p = x[i] < p ? x[i] : p;
        q = x[i] > q ? x[i] : q;
    }
    *low = p;
    *high = q;
}

/* the positions whose value is at least `least`, in order */
TARGET static int64_t KERNEL(select)(int64_t n, const double *value, double least, int32_t *chosen)
{
    int64_t count = 0, i = 0;
    for (; i + LANES <= n; i += LANES) {
        int any = 0;
        for (int l = 0; l < LANES; l++)
            any |= value[i + l] >= least;
        if (any)
            for (int l = 0; l < LANES; l++) {
                chosen[count] = (int32_t)(i + l);
                count += value[i + l] >= least;
            }
    }
    for (; i < n; i++) {
        chosen[count] = (int32_t)i;
        count += value[i] >= least;
    }
    return count;
}

#undef LANES
