/* The vector kernels, compiled once per instruction set (see kernels.c). Sums of columns and
 * comparisons are written on eight lanes where the compiler has vector types: left to itself it
 * keeps the order of comparisons, as it must without -ffast-math, and stays scalar. */

#ifdef FLASH_VECTORS
#define ABREAST (WIDTH == 8 ? 16 : WIDTH) /* vectors of lines that registers hold */
#ifndef FLASH_LANE
#define FLASH_LANE
static const double flash_lane[] = {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0};
#endif
/* `abreast` vectors of lines from line j on, through all positions in registers: rows are written
 * one after another, and no addition waits for another */
TARGET static inline __attribute__((always_inline)) void
KERNEL(stack_lines)(const flash_stacking *s, const int abreast, const int peak, int64_t j,
                    const double *first, const double *other, const double *rest, double start,
                    double *out)
{
    flash_doubles sum[ABREAST];
    for (int v = 0; v < abreast; v++)
        sum[v] = FLASH_ALL(start);
#define JOIN(v, x) sum[v] = peak ? FLASH_SELECT((x) > sum[v], (x), sum[v]) : sum[v] + (x)
    for (int64_t i = 0; i < s->positions; i++) {
        const double *own = (i ? other : first) + j;
        const int64_t n = s->n_runs[i] - j, d = s->depth_number[i + 1];
        const flash_doubles all = FLASH_ALL(rest[i]);
        if (n >= abreast * LANES)
            for (int v = 0; v < abreast; v++)
                JOIN(v, *(const flash_loose *)(own + v * LANES));
        else if (n <= 0)
            for (int v = 0; v < abreast; v++)
                JOIN(v, all);
        else
            for (int v = 0; v < abreast; v++) {
                flash_longs runs = *(const flash_loose *)flash_lane < (double)(n - v * LANES);
                JOIN(v, FLASH_SELECT(runs, *(const flash_loose *)(own + v * LANES), all));
            }
        if (d >= 0)
            for (int v = 0; v < abreast; v++)
                *(flash_loose *)(out + d * s->lines + j + v * LANES) = sum[v];
    }
#undef JOIN
}
#endif

/* see flash_stacking */
TARGET static void KERNEL(stack)(const flash_stacking *s, int64_t from, int64_t to,
                                 const double *first, const double *other, const double *rest,
                                 int peak, double start, double *out)
{
    int64_t j = from;
#ifdef FLASH_VECTORS
    for (; j + ABREAST * LANES <= to; j += ABREAST * LANES)
        if (peak)
            KERNEL(stack_lines)(s, ABREAST, 1, j, first, other, rest, start, out);
        else
            KERNEL(stack_lines)(s, ABREAST, 0, j, first, other, rest, start, out);
    for (; j + LANES <= to; j += LANES)
        KERNEL(stack_lines)(s, 1, peak, j, first, other, rest, start, out);
#endif
    for (; j < to; j++) {
        double sum = start;
        for (int64_t i = 0; i < s->positions; i++) {
            double x = j < s->n_runs[i] ? (i ? other : first)[j] : rest[i];
            sum = peak ? (x > sum ? x : sum) : sum + x;
            if (s->depth_number[i + 1] >= 0)
                out[s->depth_number[i + 1] * s->lines + j] = sum;
        }
    }
}
#undef ABREAST

/* out = offset + rint(scale * x) for |scale * x| < 2^51 */
TARGET static void KERNEL(scale_round)(int64_t n, const double *x, double scale, double offset,
                                       double *out)
{
    const double magic = 6755399441055744.0; /* 1.5 * 2^52 */
    int64_t j = 0;
#ifdef FLASH_VECTORS
    for (; j + LANES <= n; j += LANES)
        *(flash_loose *)(out + j)
            = offset + ((*(const flash_loose *)(x + j) * scale + magic) - magic);
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

TARGET static void KERNEL(span)(int64_t n, const double *x, const double *y, double *low,
                                double *high)
{
    double p = INFINITY, q = -INFINITY;
    int64_t i = 0;
#ifdef FLASH_VECTORS
    flash_doubles a = FLASH_ALL(INFINITY), b = FLASH_ALL(-INFINITY);
    for (; i + LANES <= n; i += LANES) {
        flash_doubles u = *(const flash_loose *)(x + i), v = *(const flash_loose *)(y + i);
        a = FLASH_SELECT(u < a, u, a);
        b = FLASH_SELECT(v > b, v, b);
    }
    for (int l = 0; l < LANES; l++) {
        p = a[l] < p ? a[l] : p;
        q = b[l] > q ? b[l] : q;
    }
#endif
    for (; i < n; i++) {
        p = x[i] < p ? x[i] : p;
        q = y[i] > q ? y[i] : q;
    }
    *low = p;
    *high = q;
}

TARGET static void KERNEL(range)(int64_t n, const double *x, double *low, double *high)
{
    KERNEL(span)(n, x, x, low, high);
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
    while (i < n && value[i] != x)
        i++;
    return i < n ? i : n - 1;
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

/* out = rint(2^36 * score), |score| < 2^15; a plain loop, whose roots every compiler makes
 * vectors */
TARGET static void KERNEL(topology)(int64_t n, const double *deep,
                                    const double *spatial, const double *count,
                                    const double *params, const double *coefficient,
                                    double *out)
{
    const double c0 = coefficient[0], c1 = coefficient[1], c2 = coefficient[2],
                 c3 = coefficient[3], constant = coefficient[4];
    for (int64_t j = 0; j < n; j++) {
        double more = 1.0 + deep[j], all = 1.0 + count[j];
        double sum = c0 * (deep[j] / more) + c1 * (more / all)
                     + c2 * sqrt(sqrt((1.0 + params[j]) / all)) + c3 * sqrt(1.0 + spatial[j])
                     + constant;
        out[j] = (sum * 68719476736.0 + 6755399441055744.0) - 6755399441055744.0;
    }
}
