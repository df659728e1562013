/* The vector kernels, compiled once per instruction set (see kernels.c). Sums of columns and
 * comparisons are written on eight lanes where the compiler has vector types: left to itself it
 * keeps the order of comparisons, as it must without -ffast-math, and stays scalar. */

/* total += run (the first n_runs) or rest; a copy goes to out. None of them overlap. */
TARGET static void KERNEL(accumulate)(int64_t n, int64_t n_runs, const double *run, double rest,
                                      double *total, double *out)
{
    int64_t j = 0;
#ifdef FLASH_VECTORS
    for (; j + LANES <= n_runs; j += LANES) {
        flash_doubles sum = *(flash_loose *)(total + j) + *(const flash_loose *)(run + j);
        *(flash_loose *)(total + j) = sum;
        *(flash_loose *)(out + j) = sum;
    }
#endif
    for (; j < n_runs; j++)
        out[j] = total[j] = total[j] + run[j];
#ifdef FLASH_VECTORS
    for (; j + LANES <= n; j += LANES) {
        flash_doubles sum = *(flash_loose *)(total + j) + rest;
        *(flash_loose *)(total + j) = sum;
        *(flash_loose *)(out + j) = sum;
    }
#endif
    for (; j < n; j++)
        out[j] = total[j] = total[j] + rest;
}

/* out = offset + rint(scale * x) for |scale * x| < 2^51 */
TARGET static void KERNEL(scale_round)(int64_t n, const double *x, double scale, double offset,
                                       double *out)
{
    const double magic = 6755399441055744.0; /* 1.5 * 2^52 */
    int64_t j = 0;
#ifdef FLASH_VECTORS
    for (; j + LANES <= n; j += LANES)
        *(flash_loose *)(out + j) = offset + ((*(const flash_loose *)(x + j) * scale + magic) - magic);
#endif
    for (; j < n; j++)
        out[j] = offset + ((x[j] * scale + magic) - magic);
}

/* value[i] = sum_k weight[k] * column[k][i]; returns the largest */
TARGET static double KERNEL(weigh)(int64_t n, int32_t n_columns, const double *const *column,
                                   const double *weight, double *value)
{
    double top = -INFINITY;
    int64_t i = 0;
#ifdef FLASH_VECTORS
    flash_doubles best0 = FLASH_ALL(-INFINITY), best1 = best0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        flash_doubles v0 = *(const flash_loose *)(column[0] + i) * weight[0];
        flash_doubles v1 = *(const flash_loose *)(column[0] + i + LANES) * weight[0];
        for (int32_t k = 1; k < n_columns; k++) {
            const double *c = column[k] + i;
            v0 += *(const flash_loose *)c * weight[k];
            v1 += *(const flash_loose *)(c + LANES) * weight[k];
        }
        *(flash_loose *)(value + i) = v0;
        *(flash_loose *)(value + i + LANES) = v1;
        best0 = FLASH_SELECT(v0 > best0, v0, best0);
        best1 = FLASH_SELECT(v1 > best1, v1, best1);
    }
    for (int l = 0; l < LANES; l++) {
        top = best0[l] > top ? best0[l] : top;
        top = best1[l] > top ? best1[l] : top;
    }
#endif
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
    double p = INFINITY, q = -INFINITY;
    int64_t i = 0;
#ifdef FLASH_VECTORS
    flash_doubles a = FLASH_ALL(INFINITY), b = FLASH_ALL(-INFINITY);
    for (; i + LANES <= n; i += LANES) {
        flash_doubles v = *(const flash_loose *)(x + i);
        a = FLASH_SELECT(v < a, v, a);
        b = FLASH_SELECT(v > b, v, b);
    }
    for (int l = 0; l < LANES; l++) {
        p = a[l] < p ? a[l] : p;
        q = b[l] > q ? b[l] : q;
    }
#endif
    for (; i < n; i++) {
        p = x[i] < p ? x[i] : p;
        q = x[i] > q ? x[i] : q;
    }
    *low = p;
    *high = q;
}

/* the first position that holds x; it is there */
TARGET static int64_t KERNEL(find)(int64_t n, const double *value, double x)
{
    int64_t i = 0;
#ifdef FLASH_VECTORS
    for (; i + LANES <= n; i += LANES) {
        flash_longs hit = *(const flash_loose *)(value + i) == x;
        uint64_t hits = FLASH_HITS(hit);
        if (hits)
            return i + (__builtin_ctzll(hits) >> 3);
    }
#endif
    while (i < n - 1 && value[i] != x)
        i++;
    return i;
}

/* the positions whose value is at least `least`, in order */
TARGET static int64_t KERNEL(select)(int64_t n, const double *value, double least, int32_t *chosen)
{
    int64_t count = 0, i = 0;
#ifdef FLASH_VECTORS
    for (; i + LANES <= n; i += LANES) {
        flash_longs hit = *(const flash_loose *)(value + i) >= least;
        FLASH_CHOOSE(hit, i, chosen, count);
    }
#endif
    for (; i < n; i++) {
        chosen[count] = (int32_t)i;
        count += value[i] >= least;
    }
    return count;
}

/* the positions that may beat `need` within the rooms left for latency, energy and area: bounds by
 * the class factors f and h at the least scale, to be weighed exactly by the caller */
TARGET static int64_t KERNEL(promising)(int64_t n, const double *const *column, double f, double h,
                                        double need, const double *room, int32_t *chosen)
{
    int64_t count = 0, i = 0;
#ifdef FLASH_VECTORS
    const double *s = column[0], *l = column[1], *ls = column[2], *e = column[3], *es = column[4],
                 *a = column[5];
    for (; i + LANES <= n; i += LANES) {
        flash_longs hit = *(const flash_loose *)(s + i) >= need;
        hit &= *(const flash_loose *)(l + i) + *(const flash_loose *)(ls + i) * f <= room[0];
        hit &= *(const flash_loose *)(e + i) + *(const flash_loose *)(es + i) * h <= room[1];
        hit &= *(const flash_loose *)(a + i) <= room[2];
        FLASH_CHOOSE(hit, i, chosen, count);
    }
#endif
    for (; i < n; i++) {
        chosen[count] = (int32_t)i;
        count += (column[0][i] >= need) & (column[1][i] + column[2][i] * f <= room[0])
                 & (column[3][i] + column[4][i] * h <= room[1]) & (column[5][i] <= room[2]);
    }
    return count;
}

/* out = rint(2^36 * score), |score| < 2^15; a plain loop, whose roots every compiler makes vectors */
TARGET static void KERNEL(topology)(int64_t n, const double *deep,
                                    const double *spatial, const double *count,
                                    const double *params, const double *coefficient,
                                    double *out)
{
    const double c0 = coefficient[0], c1 = coefficient[1], c2 = coefficient[2],
                 c3 = coefficient[3];
    for (int64_t j = 0; j < n; j++) {
        double more = 1.0 + deep[j], all = 1.0 + count[j];
        double sum = c0 * (deep[j] / more) + c1 * (more / all)
                     + c2 * sqrt(sqrt((1.0 + params[j]) / all)) + c3 * sqrt(1.0 + spatial[j]);
        out[j] = (sum * 68719476736.0 + 6755399441055744.0) - 6755399441055744.0;
    }
}
