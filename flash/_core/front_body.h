/* The kernel of fronts (see front.pxd), compiled once per instruction set (see kernels.c). */

#ifdef FLASH_VECTORS
TARGET static inline __attribute__((always_inline)) uint32_t
KERNEL(covered_by)(const int32_t keys, int32_t strict, const double *lanes, int64_t n,
                   const int32_t *list, const double *low, const double *key, uint32_t *perhaps)
{
    flash_longs dead0 = {0}, dead1 = {0}, maybe0 = {0}, maybe1 = {0};
    for (int64_t i = 0; i < n; i++) {
        const double *corner = low + (int64_t)list[i] * keys;
        flash_longs in0 = ~dead0, in1 = ~dead1;
        for (int32_t d = 0; d < keys; d++) {
            in0 &= corner[d] <= *(const flash_loose *)(lanes + d * FLASH_POINTS);
            in1 &= corner[d] <= *(const flash_loose *)(lanes + d * FLASH_POINTS + LANES);
        }
        if (!FLASH_HITS(in0 | in1))
            continue;
        const double *block = key + (int64_t)list[i] * keys * FLASH_POINTS;
        for (int p = 0; p < FLASH_POINTS; p++) {
            flash_longs most0 = in0, most1 = in1, less0 = {0}, less1 = {0}, any0 = {0}, any1 = {0};
            for (int32_t d = 0; d < keys; d++) {
                double x = block[d * FLASH_POINTS + p];
                flash_doubles c0 = *(const flash_loose *)(lanes + d * FLASH_POINTS);
                flash_doubles c1 = *(const flash_loose *)(lanes + d * FLASH_POINTS + LANES);
                most0 &= x <= c0;
                most1 &= x <= c1;
                if (d < strict) {
                    less0 |= x < c0;
                    less1 |= x < c1;
                } else if (strict >= 0) {
                    any0 |= x < c0;
                    any1 |= x < c1;
                }
            }
            if (strict >= 0) {
                maybe0 |= most0 & any0;
                maybe1 |= most1 & any1;
                most0 &= less0;
                most1 &= less1;
            }
            dead0 |= most0;
            dead1 |= most1;
        }
        if (!FLASH_HITS(~(dead0 & dead1)))
            break;
    }
    uint32_t alive = 0;
    *perhaps = 0;
    for (int l = 0; l < LANES; l++) {
        alive |= (uint32_t)(!dead0[l]) << l | (uint32_t)(!dead1[l]) << (l + LANES);
        *perhaps |= (uint32_t)!!maybe0[l] << l | (uint32_t)!!maybe1[l] << (l + LANES);
    }
    return alive;
}
#endif

/* The lanes, one bit each, that no point of the listed blocks dominates: is at most as large in all
 * keys and smaller in one of the first `strict`. Where strict is negative no point has to be
 * smaller. perhaps: lanes with points at most as large that are smaller in other keys alone. */
TARGET static uint32_t KERNEL(covered)(int32_t keys, int32_t strict, const double *lanes, int64_t n,
                                       const int32_t *list, const double *low, const double *key,
                                       uint32_t *perhaps)
{
#ifdef FLASH_VECTORS
    if (keys == 2)
        return KERNEL(covered_by)(2, strict, lanes, n, list, low, key, perhaps);
    if (keys == 3)
        return KERNEL(covered_by)(3, strict, lanes, n, list, low, key, perhaps);
    if (keys == 4)
        return KERNEL(covered_by)(4, strict, lanes, n, list, low, key, perhaps);
    return KERNEL(covered_by)(keys, strict, lanes, n, list, low, key, perhaps);
#else
    uint32_t alive = (1u << FLASH_POINTS) - 1;
    *perhaps = 0;
    for (int64_t i = 0; i < n && alive; i++) {
        const double *block = key + (int64_t)list[i] * keys * FLASH_POINTS;
        for (int l = 0; l < FLASH_POINTS; l++) {
            int within = alive >> l & 1;
            for (int32_t d = 0; d < keys; d++)
                within &= low[(int64_t)list[i] * keys + d] <= lanes[d * FLASH_POINTS + l];
            for (int p = 0; within && p < FLASH_POINTS; p++) {
                int most = 1, less = strict < 0, any = 0;
                for (int32_t d = 0; d < keys; d++) {
                    double x = block[d * FLASH_POINTS + p], c = lanes[d * FLASH_POINTS + l];
                    most &= x <= c;
                    if (d < strict)
                        less |= x < c;
                    else
                        any |= x < c;
                }
                if (most && any && strict >= 0)
                    *perhaps |= 1u << l;
                if (most && less)
                    alive &= ~(1u << l);
            }
        }
    }
    return alive;
#endif
}
