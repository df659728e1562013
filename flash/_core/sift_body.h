/* Kernels that sift rows before they are weighed exactly (see last.pxd), compiled once per
 * instruction set (see kernels.c). */

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

/* latency and energy of a position added to `own`: of one, and of as many as fit a vector */
TARGET static inline double KERNEL(latency_at)(const double *l, const double *ls,
                                               const flash_parts *own)
{
    return (*l + own->latency) + (*ls + own->latency_scaled) * own->latency_factor;
}

TARGET static inline double KERNEL(energy_at)(const double *e, const double *es, const double *t,
                                              double latency, const flash_parts *own)
{
    return (*e + own->energy) + (*es + own->energy_scaled) * own->energy_factor
           + (*t + own->leakage) * latency;
}

#ifdef FLASH_VECTORS
TARGET static inline flash_doubles KERNEL(latencies)(const double *l, const double *ls,
                                                     const flash_parts *own)
{
    return (*(const flash_loose *)l + own->latency)
           + (*(const flash_loose *)ls + own->latency_scaled) * own->latency_factor;
}

TARGET static inline flash_doubles KERNEL(energies)(const double *e, const double *es,
                                                    const double *t, flash_doubles latency,
                                                    const flash_parts *own)
{
    return (*(const flash_loose *)e + own->energy)
           + (*(const flash_loose *)es + own->energy_scaled) * own->energy_factor
           + (*(const flash_loose *)t + own->leakage) * latency;
}
#endif

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
        flash_doubles latency = KERNEL(latencies)(l + i, ls + i, own);
        flash_longs hit = latency <= own->max_latency;
        hit &= *(const flash_loose *)(a + i) + own->area <= own->max_area;
        hit &= KERNEL(energies)(e + i, es + i, t + i, latency, own) <= own->max_energy;
        FLASH_CHOOSE(hit, i, chosen, count);
    }
#endif
    for (; i < n; i++) {
        double latency = KERNEL(latency_at)(l + i, ls + i, own);
        double energy = KERNEL(energy_at)(e + i, es + i, t + i, latency, own);
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
        flash_doubles latency = KERNEL(latencies)(l + i, ls + i, own);
        flash_doubles energy = KERNEL(energies)(e + i, es + i, t + i, latency, own);
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
        double latency = KERNEL(latency_at)(l + i, ls + i, own);
        double energy = KERNEL(energy_at)(e + i, es + i, t + i, latency, own);
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
