/* Costs of a network's layers, WIDTH at a time, compiled once per instruction set (see kernels.c).
 * The features are those of operations.pxd, bit for bit: every count is an integer below 2^51.
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

TARGET INLINE VECTOR KERNEL(root)(VECTOR x)
{
    for (int l = 0; l < WIDTH; l++)
        x[l] = sqrt(x[l]);
    return x;
}

/* Returns by how many steps each layer leaks more (0 or 1: of two rows of subarrays). */
TARGET INLINE VECTOR KERNEL(rram_counts)(VECTOR area, VECTOR cin, VECTOR co,
                                         VECTOR p, VECTOR padded, VECTOR *f)
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
    MASK alone = ~twice_c & (sc - (pc - 1.0) * 2.0 == one);
    rest_r = CHOOSE(twice_r, rest_r, zero);
    rest_c = CHOOSE(twice_c, rest_c, zero);
    VECTOR more_sr = FLOOR((rest_r + 127.0) * (1.0 / 128));
    VECTOR wc = c + rest_c, wsc = sc + FLOOR((rest_c + 127.0) * (1.0 / 128));
    VECTOR wpc = pc + CHOOSE(twice_c, one, zero);
    VECTOR full_c = CHOOSE(alone, (pc - 1.0) * 256.0, wc);
    VECTOR full_sc = CHOOSE(alone, sc - 1.0, wsc), full_pc = CHOOSE(alone, pc - 1.0, wpc);
    VECTOR roots = ((sr - 1.0) * KERNEL(root)(ALL(128.0)) + KERNEL(root)(r - (sr - 1.0) * 128.0))
                   * wc;
    VECTOR more = (more_sr - 1.0) * KERNEL(root)(ALL(128.0));
    more += KERNEL(root)(CHOOSE(twice_r, rest_r - (more_sr - 1.0) * 128.0, one));
    roots += CHOOSE(twice_r, more, zero) * full_c;
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
    f[8] = p * (r / tr);
    f[9] = p * (co / tc);
    f[10] = p * (sr * wsc + more_sr * full_sc);
    f[11] = p * (sr * wc + more_sr * full_c);
    f[12] = p * (r * wsc + rest_r * full_sc);
    f[13] = p * roots;
    f[14] = CHOOSE(cin == 3.0, f[11], zero);
    f[15] = p * (r * tc);
    f[16] = p * (co * tr);
    f[17] = p * (r * wpc + rest_r * full_pc);
    f[18] = FLOOR((padded * cin + 2047.0) * (1.0 / 2048));
    f[19] = tr;
    return CHOOSE(share == 0.0625, one, sr - (pr - 1.0) * 2.0 - 1.0);
}

/* The costs of WIDTH layers, not yet rounded, column by column. */
TARGET INLINE void KERNEL(costs)(const flash_terms *terms, const VECTOR *f, VECTOR leaking,
                                 VECTOR *cost)
{
    for (int k = 1, t = 0; k < FLASH_COSTS; k++) {
        VECTOR sum = ALL(0.0);
        if (terms->leak > 0.0 && (k == COL_LEAK || k == COL_LEAK_IN))
            continue;
        for (; t < terms->n && terms->column[t] == k; t++)
            sum += f[terms->feature[t]] * terms->weight[t];
        cost[k] = sum * terms->per_unit[k];
        if (terms->leak > 0.0 && (k == COL_LATENCY || k == COL_LATENCY_IN))
            cost[k == COL_LATENCY ? COL_LEAK : COL_LEAK_IN] = sum * leaking * terms->per_unit[k];
    }
    if (!(terms->leak > 0.0))
        cost[COL_LEAK] = cost[COL_LEAK_IN] = ALL(0.0);
}

TARGET static int KERNEL(rram_eight)(const flash_terms *terms, const double *in_channels,
                                     const double *kernel_area, const double *out_channels,
                                     const double *positions, const double *padded,
                                     double *const *column)
{
    VECTOR f[FLASH_RRAM_COUNTS], cost[FLASH_COSTS];
    MASK late = {0};
    for (int j = 0; j < 8; j += WIDTH) {
        VECTOR steps = KERNEL(rram_counts)(
            LOOSE(kernel_area + j), LOOSE(in_channels + j), LOOSE(out_channels + j),
            LOOSE(positions + j), LOOSE(padded + j), f);
        KERNEL(costs)(terms, f, 1.0 + steps * terms->leak, cost);
        for (int k = 1; k < FLASH_COSTS; k++) {
            late |= cost[k] >= LIMIT;
            LOOSE(column[k] + j) = ROUND(cost[k]);
        }
    }
    int64_t any = 0;
    for (int j = 0; j < WIDTH; j++)
        any |= late[j];
    return any != 0;
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
    weights = area * group * out;
    f[10] = CHOOSE(dense & (area == 1.0) & (p == 1.0) & (weights > FLASH_FAR_WEIGHTS),
                   weights - FLASH_FAR_WEIGHTS, zero);
    f[11] = CHOOSE(~sweep & (maps > FLASH_FAR_MAPS), maps - FLASH_FAR_MAPS, zero);
}

/* A column's costs of WIDTH layers into its sum. */
TARGET INLINE void KERNEL(put)(VECTOR a, int k, const MASK *live, VECTOR *sum, MASK *late)
{
    if (live)
        a = CHOOSE(*live, a, ALL(0.0));
    *late |= a >= LIMIT;
    a = ROUND(a);
    sum[k] = k == COL_PEAK ? CHOOSE(a > sum[k], a, sum[k]) : sum[k] + a;
}

/* Costs of WIDTH layers into the sums; `live`: all bits in the lanes that count. As `costs` has
 * them, but for columns without a term, which stay as they are. */
TARGET INLINE void KERNEL(add)(const flash_terms *terms, int rram, const double *layer,
                               const MASK *live, VECTOR *sum, MASK *late)
{
    VECTOR f[FLASH_RRAM_COUNTS], leaking = ALL(1.0);
    VECTOR area = LOOSE(layer);
    const VECTOR into = LOOSE(layer + FLASH_LAYERS);
    const VECTOR out = LOOSE(layer + 2 * FLASH_LAYERS);
    const VECTOR side = LOOSE(layer + 3 * FLASH_LAYERS);
    const MASK single = area < 0.0;
    const VECTOR group = CHOOSE(single, ALL(1.0), into);
    area = CHOOSE(single, -area, area);
    if (rram)
        leaking += KERNEL(rram_counts)(area, into, out, side * side,
                                       LOOSE(layer + 4 * FLASH_LAYERS), f) * terms->leak;
    else
        KERNEL(cpu_counts)(area, single, group, out, side, f);
    for (int t = 0; t < terms->n;) {
        const int k = terms->column[t];
        VECTOR a = ALL(0.0);
        for (; t < terms->n && terms->column[t] == k; t++)
            a += f[terms->feature[t]] * terms->weight[t];
        KERNEL(put)(a * terms->per_unit[k], k, live, sum, late);
        if (terms->leak > 0.0 && (k == COL_LATENCY || k == COL_LATENCY_IN))
            KERNEL(put)(a * leaking * terms->per_unit[k],
                        k == COL_LATENCY ? COL_LEAK : COL_LEAK_IN, live, sum, late);
    }
    VECTOR weights = area * group * out, macs = weights * (side * side);
    if (live) {
        weights = CHOOSE(*live, weights, ALL(0.0));
        macs = CHOOSE(*live, macs, ALL(0.0));
    }
    sum[COL_PARAMS] += weights;
    sum[COL_MACS] += macs;
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
            layer[4 * FLASH_LAYERS + n] = run->padded;
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
            LOOSE(layer + 4 * FLASH_LAYERS + i) = ALL(run->padded);
            into += run->into_step * WIDTH;
            out += run->out_step * WIDTH;
        }
        n += run->count;
    }
    for (int k = 0; k < FLASH_COLUMNS; k++)
        sum[k] = ALL(0.0);
    for (i = 0; i + WIDTH <= n; i += WIDTH)
        KERNEL(add)(terms, rram, layer + i, 0, sum, &late);
    if (i < n) {
        MASK live = lane < (double)(n - i);
        KERNEL(add)(terms, rram, layer + i, &live, sum, &late);
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
            total = flash_joined(k, total, sum[k][j]);
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
