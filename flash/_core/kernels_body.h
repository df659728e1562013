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

/* the positions whose `n_limits` uses (n numbers a limit) stay within the rooms, in order */
TARGET static int64_t KERNEL(fitting)(int64_t n, int32_t n_limits, const double *use,
                                      int64_t stride, const double *room, int32_t *chosen)
{
    int64_t count = 0, i = 0;
#ifdef FLASH_VECTORS
    for (; i + LANES <= n; i += LANES) {
        flash_longs hit = *(const flash_loose *)(use + i) <= room[0];
        for (int32_t r = 1; r < n_limits; r++)
            hit &= *(const flash_loose *)(use + r * stride + i) <= room[r];
        FLASH_CHOOSE(hit, i, chosen, count);
    }
#endif
    for (; i < n; i++) {
        int hit = 1;
        for (int32_t r = 0; r < n_limits; r++)
            hit &= use[r * stride + i] <= room[r];
        chosen[count] = (int32_t)i;
        count += hit;
    }
    return count;
}

/* the positions that, added to `own`, meet its maxima; six columns of `stride` numbers, scaled as
 * `own` is */
TARGET static int64_t KERNEL(meeting)(int64_t n, const double *column, int64_t stride,
                                      const flash_parts *own, int32_t *chosen)
{
    const double *l = column, *ls = l + stride, *e = ls + stride, *es = e + stride,
                 *t = es + stride, *a = t + stride;
    int64_t count = 0, i = 0;
#ifdef FLASH_VECTORS
    for (; i + LANES <= n; i += LANES) {
        flash_doubles latency =
            (*(const flash_loose *)(l + i) + own->latency)
            + (*(const flash_loose *)(ls + i) + own->latency_scaled) * own->latency_factor;
        flash_longs hit = latency <= own->max_latency;
        hit &= *(const flash_loose *)(a + i) + own->area <= own->max_area;
        hit &= (*(const flash_loose *)(e + i) + own->energy)
                       + (*(const flash_loose *)(es + i) + own->energy_scaled) * own->energy_factor
                       + (*(const flash_loose *)(t + i) + own->leakage) * latency
               <= own->max_energy;
        FLASH_CHOOSE(hit, i, chosen, count);
    }
#endif
    for (; i < n; i++) {
        double latency = (l[i] + own->latency) + (ls[i] + own->latency_scaled) * own->latency_factor;
        double energy = (e[i] + own->energy) + (es[i] + own->energy_scaled) * own->energy_factor
                        + (t[i] + own->leakage) * latency;
        chosen[count] = (int32_t)i;
        count += (latency <= own->max_latency) & (a[i] + own->area <= own->max_area)
                 & (energy <= own->max_energy);
    }
    return count;
}

#ifdef FLASH_VECTORS
/* log of x > 0 to 1e-10, for sifting only: x = m * 2^k with m about 1, log m by its series in
 * (m - 1) / (m + 1) */
TARGET static inline flash_doubles KERNEL(rough_log)(flash_doubles x)
{
    flash_longs k = ((flash_longs)x - 0x3fe6a09e667f3bcdLL) >> 52;
    flash_doubles m = (flash_doubles)((flash_longs)x - (k << 52));
    flash_doubles t = (m - 1.0) / (m + 1.0), u = t * t;
    flash_doubles series = u * (1.0 / 11) + 1.0 / 9;
    series = u * series + 1.0 / 7;
    series = u * series + 1.0 / 5;
    series = u * series + 1.0 / 3;
    series = u * series + 1.0;
    flash_doubles power = (flash_doubles)(k + 0x4338000000000000LL) - 6755399441055744.0;
    return t * 2.0 * series + power * 0.6931471805599453;
}
#endif

/* the positions that, added to `own`, may reach a logarithm of the product of `least`; seven
 * columns of `stride` numbers, scaled as `own` is. Costs of 0 are always chosen. */
TARGET static int64_t KERNEL(promising_product)(int64_t n, const double *column, int64_t stride,
                                                const flash_parts *own, int32_t *chosen)
{
    const double *s = column, *l = s + stride, *ls = l + stride, *e = ls + stride,
                 *es = e + stride, *t = es + stride, *a = t + stride;
    const double *power = own->exponent;
    int64_t count = 0, i = 0;
#ifdef FLASH_VECTORS
    for (; i + LANES <= n; i += LANES) {
        flash_doubles score = *(const flash_loose *)(s + i) + own->score;
        flash_doubles latency =
            (*(const flash_loose *)(l + i) + own->latency)
            + (*(const flash_loose *)(ls + i) + own->latency_scaled) * own->latency_factor;
        flash_doubles energy =
            (*(const flash_loose *)(e + i) + own->energy)
            + (*(const flash_loose *)(es + i) + own->energy_scaled) * own->energy_factor
            + (*(const flash_loose *)(t + i) + own->leakage) * latency;
        flash_doubles area = *(const flash_loose *)(a + i) + own->area;
        flash_doubles sum = FLASH_ALL(0.0);
        flash_longs hit = (score <= 1e-300);
        if (power[0] != 0.0)
            sum += KERNEL(rough_log)(score) * power[0];
        if (power[1] != 0.0) {
            sum += KERNEL(rough_log)(latency) * power[1];
            hit |= latency <= 1e-300;
        }
        if (power[2] != 0.0) {
            sum += KERNEL(rough_log)(energy) * power[2];
            hit |= energy <= 1e-300;
        }
        if (power[3] != 0.0) {
            sum += KERNEL(rough_log)(area) * power[3];
            hit |= area <= 1e-300;
        }
        hit |= sum >= own->least;
        FLASH_CHOOSE(hit, i, chosen, count);
    }
#endif
    for (; i < n; i++) {
        double latency = (l[i] + own->latency) + (ls[i] + own->latency_scaled) * own->latency_factor;
        double energy = (e[i] + own->energy) + (es[i] + own->energy_scaled) * own->energy_factor
                        + (t[i] + own->leakage) * latency;
        double sum = 0.0;
        if (power[0] != 0.0)
            sum += log(s[i] + own->score) * power[0];
        if (power[1] != 0.0)
            sum += log(latency) * power[1];
        if (power[2] != 0.0)
            sum += log(energy) * power[2];
        if (power[3] != 0.0)
            sum += log(a[i] + own->area) * power[3];
        chosen[count] = (int32_t)i;
        count += !(sum < own->least);
    }
    return count;
}

#ifdef FLASH_VECTORS
/* floor of 0 <= x < 2^51 without a library call */
TARGET static inline flash_doubles KERNEL(down)(flash_doubles x)
{
    flash_doubles t = (x + 6755399441055744.0) - 6755399441055744.0;
    return t - FLASH_SELECT(t > x, FLASH_ALL(1.0), FLASH_ALL(0.0));
}

/* Eight layers' rram features (see ops.pxd, whose scalar twin it equals bit for bit: every count
 * is an integer below 2^51), weighed into columns of whole units. */
TARGET static void KERNEL(rram_eight)(const flash_terms *terms, const double *in_channels,
                                      const double *kernel_area, const double *out_channels,
                                      const double *positions, double *const *column)
{
    const flash_doubles one = FLASH_ALL(1.0), two = FLASH_ALL(2.0), zero = FLASH_ALL(0.0);
    const flash_doubles cin = *(const flash_loose *)in_channels;
    const flash_doubles co = *(const flash_loose *)out_channels;
    const flash_doubles p = *(const flash_loose *)positions;
    const flash_doubles r = *(const flash_loose *)kernel_area * cin, c = co * 8.0;
    flash_doubles tr = KERNEL(down)((r + 511.0) * (1.0 / 512)), tc = KERNEL(down)((c + 511.0) * (1.0 / 512));
    flash_doubles pr = KERNEL(down)((r + 255.0) * (1.0 / 256)), pc = KERNEL(down)((c + 255.0) * (1.0 / 256));
    flash_doubles sr = KERNEL(down)((r + 127.0) * (1.0 / 128)), sc = KERNEL(down)((c + 127.0) * (1.0 / 128));
    flash_doubles copies = FLASH_SELECT(pr == one, two, one) * FLASH_SELECT(pc == one, two, one)
                           * FLASH_SELECT(sr == one, two, one) * FLASH_SELECT(sc == one, two, one);
    flash_doubles rest_r = r - (tr - 1.0) * 512.0, rest_c = c - (tc - 1.0) * 512.0;
    flash_longs twice_r = (copies == one) & (rest_r <= 256.0);
    flash_longs twice_c = (copies == one) & (rest_c <= 256.0);
    flash_doubles wr = r + FLASH_SELECT(twice_r, rest_r, zero);
    flash_doubles wsr = sr + FLASH_SELECT(twice_r, KERNEL(down)((rest_r + 127.0) * (1.0 / 128)), zero);
    flash_doubles wc = c + FLASH_SELECT(twice_c, rest_c, zero);
    flash_doubles wsc = sc + FLASH_SELECT(twice_c, KERNEL(down)((rest_c + 127.0) * (1.0 / 128)), zero);
    flash_doubles wpc = pc + FLASH_SELECT(twice_c, one, zero);
    /* ceil(log2 tr) is the exponent of 2 tr - 1; small integers become doubles below 2^52's */
    flash_longs bits = ((flash_longs)(tr * 2.0 - 1.0) >> 52) | 0x4330000000000000LL;
    flash_doubles levels = (flash_doubles)bits - (4503599627370496.0 + 1023.0);
    flash_doubles stages = KERNEL(down)((levels * 2.0 + 4.5) * 0.2);
    flash_doubles f[16];
    f[0] = tr * tc;
    f[1] = p / copies;
    f[2] = FLASH_SELECT(pr > one, p, zero);
    f[3] = p * (co * stages);
    f[4] = p * r;
    f[5] = p * co;
    f[6] = p * FLASH_SELECT(r < 512.0, r, FLASH_ALL(512.0));
    f[7] = p * FLASH_SELECT(co < 64.0, co, FLASH_ALL(64.0));
    f[8] = p * (KERNEL(down)((r + tr - 1.0) / tr) + KERNEL(down)((co + tc - 1.0) / tc));
    f[9] = p * (wsr * wsc);
    f[10] = p * (wsr * wc);
    f[11] = p * (wr * wsc);
    f[12] = p * (r * tc);
    f[13] = p * (co * tr);
    f[14] = p * (wr * wpc);
    f[15] = p * (cin * tc);
    for (int k = 1, t = 0; k < 7; k++) {
        flash_doubles cost = zero;
        for (; t < terms->n && terms->column[t] == k; t++)
            cost += f[terms->feature[t]] * terms->weight[t];
        cost = cost * terms->per_unit[k];
        *(flash_loose *)column[k] = (cost + 6755399441055744.0) - 6755399441055744.0;
    }
}
#endif
