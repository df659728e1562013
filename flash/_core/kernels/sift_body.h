/* Kernels that sift rows before they are weighed exactly (see last_cell.pxd), compiled once per
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

/* latency, energy and area of a position added to the other cells' part: of one, and of as many as
 * fit a vector */
#define COSTS_OF(X)                                                                             \
    const flash_class *g = &p->of;                                                              \
    latency = X(LATENCY) + (X(LATENCY_IN) * g->latency_in + X(LATENCY_OUT) * g->latency_out);   \
    energy = X(ENERGY) + (X(ENERGY_IN) * g->energy_in + X(ENERGY_OUT) * g->energy_out)          \
             + X(LEAKAGE)                                                                       \
                   * (X(LEAK) + (X(LEAK_IN) * g->latency_in + X(LATENCY_OUT) * g->leak_out));
#define OF_ONE(k) (column[PART_##k * stride] + p->own[PART_##k])
#define OF_LANES(k) (*(const flash_loose *)(column + PART_##k * stride) + p->own[PART_##k])

TARGET static inline void KERNEL(costs_at)(const double *column, int64_t stride,
                                           const flash_parts *p, double *costs)
{
    double latency, energy, peak = column[PART_PEAK * stride];
    COSTS_OF(OF_ONE)
    costs[0] = latency;
    costs[1] = energy;
    costs[2] = OF_ONE(AREA) + (peak > p->own[PART_PEAK] ? peak : p->own[PART_PEAK]);
}

#ifdef FLASH_VECTORS
TARGET static inline void KERNEL(costs_of)(const double *column, int64_t stride,
                                           const flash_parts *p, flash_doubles *costs)
{
    flash_doubles latency, energy, peak = *(const flash_loose *)(column + PART_PEAK * stride);
    const flash_doubles other = FLASH_ALL(p->own[PART_PEAK]);
    COSTS_OF(OF_LANES)
    costs[0] = latency;
    costs[1] = energy;
    costs[2] = OF_LANES(AREA) + FLASH_SELECT(peak > other, peak, other);
}
#endif

/* the positions that, added to the other cells' part, meet its maxima; FLASH_PARTS columns of
 * `stride` numbers */
TARGET static int64_t KERNEL(meeting)(int64_t n, const double *column, int64_t stride,
                                      const flash_parts *p, int32_t *chosen)
{
    int64_t count = 0, i = 0;
#ifdef FLASH_VECTORS
    for (; i + LANES <= n; i += LANES) {
        flash_doubles costs[3];
        KERNEL(costs_of)(column + i, stride, p, costs);
        flash_longs hit = costs[0] <= p->max_latency;
        hit &= costs[1] <= p->max_energy;
        hit &= costs[2] <= p->max_area;
        FLASH_CHOOSE(hit, i, chosen, count);
    }
#endif
    for (; i < n; i++) {
        double costs[3];
        KERNEL(costs_at)(column + i, stride, p, costs);
        chosen[count] = (int32_t)i;
        count += (costs[0] <= p->max_latency) & (costs[1] <= p->max_energy)
                 & (costs[2] <= p->max_area);
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

#ifndef SIFT_LEAST
#define SIFT_LEAST 1e-300 /* what is at most this has no rough logarithm */
#endif
/* the positions that, added to the other cells' part, may reach a logarithm of the product of
 * `least`. Costs of 0 are always chosen. */
TARGET static int64_t KERNEL(promising_product)(int64_t n, const double *column, int64_t stride,
                                                const flash_parts *p, int32_t *chosen)
{
    const double *power = p->exponent;
    int64_t count = 0, i = 0;
#ifdef FLASH_VECTORS
    for (; i + LANES <= n; i += LANES) {
        flash_doubles costs[3], sum = FLASH_ALL(0.0);
        flash_doubles score = *(const flash_loose *)(column + i) + p->own[PART_SCORE];
        flash_longs hit = (score <= SIFT_LEAST);
        KERNEL(costs_of)(column + i, stride, p, costs);
        if (power[0] != 0.0)
            sum += KERNEL(rough_log)(score) * power[0];
        for (int k = 0; k < 3; k++)
            if (power[k + 1] != 0.0) {
                sum += KERNEL(rough_log)(costs[k]) * power[k + 1];
                hit |= costs[k] <= SIFT_LEAST;
            }
        hit |= sum >= p->least;
        FLASH_CHOOSE(hit, i, chosen, count);
    }
#endif
    for (; i < n; i++) {
        double costs[3], sum = 0.0;
        KERNEL(costs_at)(column + i, stride, p, costs);
        if (power[0] != 0.0)
            sum += log(column[i] + p->own[PART_SCORE]) * power[0];
        for (int k = 0; k < 3; k++)
            if (power[k + 1] != 0.0)
                sum += log(costs[k]) * power[k + 1];
        chosen[count] = (int32_t)i;
        count += !(sum < p->least);
    }
    return count;
}
#undef COSTS_OF
#undef OF_ONE
#undef OF_LANES
