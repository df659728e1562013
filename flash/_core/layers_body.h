/* Costs of a network's layers, WIDTH at a time, compiled once per instruction set (see kernels.c).
 * The features are those of ops.pxd, bit for bit: every count is an integer below 2^51.
 *
 * Vectors are as wide as the registers: compilers take comparisons of wider ones apart, lane by
 * lane. */

#ifdef FLASH_VECTORS
#define INLINE static inline __attribute__((always_inline))
typedef double KERNEL(lanes) __attribute__((vector_size(8 * WIDTH)));
typedef double KERNEL(loose) __attribute__((vector_size(8 * WIDTH), aligned(8), may_alias));
typedef int64_t KERNEL(longs) __attribute__((vector_size(8 * WIDTH)));
typedef uint64_t KERNEL(bits) __attribute__((vector_size(8 * WIDTH)));
#define VECTOR KERNEL(lanes)
#define LOOSE(p) (*(KERNEL(loose) *)(p))
#define MASK KERNEL(longs)
#define CHOOSE(mask, a, b)                                                                      \
    ((VECTOR)(((MASK)(mask) & (MASK)(a)) | (~(MASK)(mask) & (MASK)(b))))
#define LIMIT 2251799813685248.0 /* 2^51 */
#define ROUND(x) (((x) + 6755399441055744.0) - 6755399441055744.0) /* of |x| < 2^51: 1.5 * 2^52 */

/* floor of 0 <= x < 2^51 without a library call */
TARGET INLINE VECTOR KERNEL(down)(VECTOR x)
{
    VECTOR t = ROUND(x);
    return t - CHOOSE(t > x, ALL(1.0), ALL(0.0));
}

TARGET INLINE void KERNEL(rram_counts)(VECTOR area, VECTOR cin, VECTOR co,
                                       VECTOR p, VECTOR *f)
{
    const VECTOR one = ALL(1.0), zero = ALL(0.0);
    const VECTOR half = ALL(0.5);
    const VECTOR r = area * cin, c = co * 8.0;
    VECTOR tr = FLOOR((r + 511.0) * (1.0 / 512)), tc = FLOOR((c + 511.0) * (1.0 / 512));
    VECTOR pr = FLOOR((r + 255.0) * (1.0 / 256)), pc = FLOOR((c + 255.0) * (1.0 / 256));
    VECTOR sr = FLOOR((r + 127.0) * (1.0 / 128)), sc = FLOOR((c + 127.0) * (1.0 / 128));
    VECTOR share = CHOOSE(pr == one, half, one) * CHOOSE(pc == one, half, one)
                          * CHOOSE(sr == one, half, one) * CHOOSE(sc == one, half, one);
    VECTOR rest_r = r - (tr - 1.0) * 512.0, rest_c = c - (tc - 1.0) * 512.0;
    MASK twice_r = (share == one) & (rest_r <= 256.0);
    MASK twice_c = (share == one) & (rest_c <= 256.0);
    VECTOR wr = r + CHOOSE(twice_r, rest_r, zero);
    VECTOR wsr = sr + CHOOSE(twice_r, FLOOR((rest_r + 127.0) * (1.0 / 128)), zero);
    VECTOR wc = c + CHOOSE(twice_c, rest_c, zero);
    VECTOR wsc = sc + CHOOSE(twice_c, FLOOR((rest_c + 127.0) * (1.0 / 128)), zero);
    VECTOR wpc = pc + CHOOSE(twice_c, one, zero);
    /* ceil(log2 tr) is the exponent of 2 tr - 1; small integers become doubles below 2^52's */
    KERNEL(bits) bits = ((KERNEL(bits))(tr * 2.0 - 1.0) >> 52) | 0x4330000000000000ULL;
    VECTOR levels = (VECTOR)bits - (4503599627370496.0 + 1023.0);
    f[0] = tr * tc;
    f[1] = p * share;
    f[2] = CHOOSE(pr > one, p, zero);
    f[3] = p * (co * FLOOR((levels * 2.0 + 4.5) * 0.2));
    f[4] = p * r;
    f[5] = p * co;
    f[6] = p * CHOOSE(r < 512.0, r, ALL(512.0));
    f[7] = p * CHOOSE(co < 64.0, co, ALL(64.0));
    f[8] = p * (FLOOR((r + tr - 1.0) / tr) + FLOOR((co + tc - 1.0) / tc));
    f[9] = p * (wsr * wsc);
    f[10] = p * (wsr * wc);
    f[11] = p * (wr * wsc);
    f[12] = p * (r * tc);
    f[13] = p * (co * tr);
    f[14] = p * (wr * wpc);
    f[15] = p * (cin * tc);
}

TARGET static void KERNEL(rram_eight)(const flash_terms *terms, const double *in_channels,
                                      const double *kernel_area, const double *out_channels,
                                      const double *positions, double *const *column)
{
    VECTOR f[16];
    for (int j = 0; j < 8; j += WIDTH) {
        KERNEL(rram_counts)(LOOSE(kernel_area + j), LOOSE(in_channels + j), LOOSE(out_channels + j),
                            LOOSE(positions + j), f);
        for (int k = 1, t = 0; k < 7; k++) {
            VECTOR cost = ALL(0.0);
            for (; t < terms->n && terms->column[t] == k; t++)
                cost += f[terms->feature[t]] * terms->weight[t];
            cost = cost * terms->per_unit[k];
            LOOSE(column[k] + j) = ROUND(cost);
        }
    }
}

TARGET INLINE void KERNEL(cpu_counts)(VECTOR area, MASK single, VECTOR group,
                                      VECTOR out, VECTOR side, VECTOR *f)
{
    const VECTOR zero = ALL(0.0), p = side * side;
    const MASK sweep = area == 0.0, dense = ~(single | sweep);
    VECTOR blocks = FLOOR((group + 15.0) * (1.0 / 16));
    VECTOR padded = CHOOSE(group < 16.0, group, blocks * 16.0);
    VECTOR full = FLOOR((out + 15.0) * (1.0 / 16)) * 16.0;
    VECTOR weights = area * padded * full, maps = p * out;
    MASK odd = full != out;
    f[0] = CHOOSE(dense & (area > 1.0), p * weights, zero);
    f[1] = CHOOSE(dense, p * (full * blocks), zero);
    f[2] = CHOOSE(dense & (weights > 65536.0), (weights - 65536.0) * side, zero);
    f[3] = CHOOSE(single, p * (area * full), zero);
    f[4] = CHOOSE(single, area * full, zero);
    f[5] = CHOOSE(sweep, maps, zero);
    f[6] = CHOOSE(sweep & odd, maps, zero);
    f[7] = CHOOSE(dense & (group >= 16.0) & (FLOOR(group * 0.25) * 4.0 != group),
                        p * (area * group), zero);
    f[8] = CHOOSE(~sweep & odd, maps, zero);
    f[9] = CHOOSE(sweep, zero, ALL(1.0));
}

/* WIDTH layers' features; how many weights they have, and macs. */
TARGET INLINE void KERNEL(counts)(int rram, const double *layer, VECTOR *f,
                                  VECTOR *weights, VECTOR *macs)
{
    VECTOR area = LOOSE(layer);
    const VECTOR into = LOOSE(layer + FLASH_LAYERS);
    const VECTOR out = LOOSE(layer + 2 * FLASH_LAYERS);
    const VECTOR side = LOOSE(layer + 3 * FLASH_LAYERS);
    const MASK single = area < 0.0;
    const VECTOR group = CHOOSE(single, ALL(1.0), into);
    area = CHOOSE(single, -area, area);
    if (rram)
        KERNEL(rram_counts)(area, into, out, side * side, f);
    else
        KERNEL(cpu_counts)(area, single, group, out, side, f);
    *weights = area * group * out;
    *macs = *weights * (side * side);
}

/* Costs of `groups` (1 or 2) times WIDTH layers into the sums; `live`, of one group only: all bits
 * in the lanes that count. */
TARGET INLINE void KERNEL(add)(const flash_terms *terms, int rram, int groups, const double *layer,
                               const MASK *live, VECTOR *sum, MASK *late)
{
    VECTOR f[16], g[16], weights, macs, more, more_macs;
    KERNEL(counts)(rram, layer, f, &weights, &macs);
    if (groups == 2)
        KERNEL(counts)(rram, layer + WIDTH, g, &more, &more_macs);
    for (int k = 1, t = 0; k < 7; k++) {
        if (t == terms->n || terms->column[t] != k)
            continue;
        VECTOR a = ALL(0.0), b = a;
        for (; t < terms->n && terms->column[t] == k; t++) {
            a += f[terms->feature[t]] * terms->weight[t];
            if (groups == 2)
                b += g[terms->feature[t]] * terms->weight[t];
        }
        a = a * terms->per_unit[k];
        if (live)
            a = CHOOSE(*live, a, ALL(0.0));
        *late |= a >= LIMIT;
        a = ROUND(a);
        if (groups == 2) {
            b = b * terms->per_unit[k];
            *late |= b >= LIMIT;
            a += ROUND(b);
        }
        sum[k] += a;
    }
    if (live) {
        weights = CHOOSE(*live, weights, ALL(0.0));
        macs = CHOOSE(*live, macs, ALL(0.0));
    }
    sum[COL_PARAMS] += groups == 2 ? weights + more : weights;
    sum[COL_MACS] += groups == 2 ? macs + more_macs : macs;
}

TARGET INLINE int KERNEL(charge_all)(const flash_terms *terms, int rram, const flash_network *net,
                                     double *layer, double *x)
{
    static const double numbers[] = {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0};
    const VECTOR lane = LOOSE(numbers);
    VECTOR sum[FLASH_COLUMNS];
    MASK late = {0};
    int64_t n = 0, i;
    for (int j = 0; j < net->n_runs; j++) {
        const flash_run *run = net->run + j;
        if (n + run->count > FLASH_LAYERS - 72)
            return 0;
        if (run->count == 1) {
            layer[n] = run->area;
            layer[FLASH_LAYERS + n] = run->into;
            layer[2 * FLASH_LAYERS + n] = run->out;
            layer[3 * FLASH_LAYERS + n] = run->side;
            n++;
            continue;
        }
        VECTOR into = lane * run->into_step + run->into;
        VECTOR out = lane * run->out_step + run->out;
        for (i = n; i < n + run->count; i += WIDTH) {
            LOOSE(layer + i) = ALL(run->area);
            LOOSE(layer + FLASH_LAYERS + i) = into;
            LOOSE(layer + 2 * FLASH_LAYERS + i) = out;
            LOOSE(layer + 3 * FLASH_LAYERS + i) = ALL(run->side);
            into += run->into_step * WIDTH;
            out += run->out_step * WIDTH;
        }
        n += run->count;
    }
    for (int k = 0; k < FLASH_COLUMNS; k++)
        sum[k] = ALL(0.0);
    for (i = 0; i + 2 * WIDTH <= n; i += 2 * WIDTH)
        KERNEL(add)(terms, rram, 2, layer + i, 0, sum, &late);
    for (; i < n; i += WIDTH) {
        MASK live = lane < (double)(n - i);
        KERNEL(add)(terms, rram, 1, layer + i, &live, sum, &late);
    }
    for (int c = 0; c < net->n_cells; c += WIDTH) {
        MASK live = lane < (double)(net->n_cells - c);
        VECTOR width = LOOSE(net->width + c);
        VECTOR a = width * (net->unit / LOOSE(net->convolutions + c));
        VECTOR b = LOOSE(net->links + c) * (net->unit / width);
        a = CHOOSE(live, a, ALL(0.0));
        b = CHOOSE(live, b, ALL(0.0));
        late |= (a >= LIMIT) | (b >= LIMIT);
        sum[COL_SCORE] += ROUND(a)
                          + ROUND(b);
    }
    int64_t any = 0;
    for (int j = 0; j < WIDTH; j++)
        any |= late[j];
    for (int k = 0; k < FLASH_COLUMNS; k++) {
        double total = k == COL_PARAMS ? net->params : 0.0;
        for (int j = 0; j < WIDTH; j++)
            total += sum[k][j];
        x[k] = total;
    }
    return !any;
}

TARGET static int KERNEL(charge)(const flash_terms *terms, int rram, const flash_network *net,
                                 double *layer, double *x)
{
    if (rram)
        return KERNEL(charge_all)(terms, 1, net, layer, x);
    return KERNEL(charge_all)(terms, 0, net, layer, x);
}
#undef INLINE
#undef VECTOR
#undef LOOSE
#undef MASK
#undef CHOOSE
#undef ROUND
#undef LIMIT
#endif
