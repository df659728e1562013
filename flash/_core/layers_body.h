/* Costs of a network's layers, eight at a time, compiled once per instruction set (see kernels.c).
 * The features are those of ops.pxd, bit for bit: every count is an integer below 2^51. */

#ifdef FLASH_VECTORS
#define INLINE static inline __attribute__((always_inline))

TARGET INLINE void KERNEL(rram_counts)(flash_doubles area, flash_doubles cin, flash_doubles co,
                                       flash_doubles p, flash_doubles *f)
{
    const flash_doubles one = FLASH_ALL(1.0), zero = FLASH_ALL(0.0);
    const flash_doubles half = FLASH_ALL(0.5);
    const flash_doubles r = area * cin, c = co * 8.0;
    flash_doubles tr = FLOOR((r + 511.0) * (1.0 / 512)), tc = FLOOR((c + 511.0) * (1.0 / 512));
    flash_doubles pr = FLOOR((r + 255.0) * (1.0 / 256)), pc = FLOOR((c + 255.0) * (1.0 / 256));
    flash_doubles sr = FLOOR((r + 127.0) * (1.0 / 128)), sc = FLOOR((c + 127.0) * (1.0 / 128));
    flash_doubles share = FLASH_SELECT(pr == one, half, one) * FLASH_SELECT(pc == one, half, one)
                          * FLASH_SELECT(sr == one, half, one) * FLASH_SELECT(sc == one, half, one);
    flash_doubles rest_r = r - (tr - 1.0) * 512.0, rest_c = c - (tc - 1.0) * 512.0;
    flash_longs twice_r = (share == one) & (rest_r <= 256.0);
    flash_longs twice_c = (share == one) & (rest_c <= 256.0);
    flash_doubles wr = r + FLASH_SELECT(twice_r, rest_r, zero);
    flash_doubles wsr = sr + FLASH_SELECT(twice_r, FLOOR((rest_r + 127.0) * (1.0 / 128)), zero);
    flash_doubles wc = c + FLASH_SELECT(twice_c, rest_c, zero);
    flash_doubles wsc = sc + FLASH_SELECT(twice_c, FLOOR((rest_c + 127.0) * (1.0 / 128)), zero);
    flash_doubles wpc = pc + FLASH_SELECT(twice_c, one, zero);
    /* ceil(log2 tr) is the exponent of 2 tr - 1; small integers become doubles below 2^52's */
    flash_longs bits = ((flash_longs)(tr * 2.0 - 1.0) >> 52) | 0x4330000000000000LL;
    flash_doubles levels = (flash_doubles)bits - (4503599627370496.0 + 1023.0);
    f[0] = tr * tc;
    f[1] = p * share;
    f[2] = FLASH_SELECT(pr > one, p, zero);
    f[3] = p * (co * FLOOR((levels * 2.0 + 4.5) * 0.2));
    f[4] = p * r;
    f[5] = p * co;
    f[6] = p * FLASH_SELECT(r < 512.0, r, FLASH_ALL(512.0));
    f[7] = p * FLASH_SELECT(co < 64.0, co, FLASH_ALL(64.0));
    f[8] = p * (FLOOR((r + tr - 1.0) / tr) + FLOOR((co + tc - 1.0) / tc));
    f[9] = p * (wsr * wsc);
    f[10] = p * (wsr * wc);
    f[11] = p * (wr * wsc);
    f[12] = p * (r * tc);
    f[13] = p * (co * tr);
    f[14] = p * (wr * wpc);
    f[15] = p * (cin * tc);
}

TARGET INLINE void KERNEL(cpu_counts)(flash_doubles area, flash_longs single, flash_doubles group,
                                      flash_doubles out, flash_doubles side, flash_doubles *f)
{
    const flash_doubles zero = FLASH_ALL(0.0), p = side * side;
    const flash_longs sweep = area == 0.0, dense = ~(single | sweep);
    flash_doubles blocks = FLOOR((group + 15.0) * (1.0 / 16));
    flash_doubles padded = FLASH_SELECT(group < 16.0, group, blocks * 16.0);
    flash_doubles full = FLOOR((out + 15.0) * (1.0 / 16)) * 16.0;
    flash_doubles weights = area * padded * full, maps = p * out;
    flash_longs odd = full != out;
    f[0] = FLASH_SELECT(dense & (area > 1.0), p * weights, zero);
    f[1] = FLASH_SELECT(dense, p * (full * blocks), zero);
    f[2] = FLASH_SELECT(dense & (weights > 65536.0), (weights - 65536.0) * side, zero);
    f[3] = FLASH_SELECT(single, p * (area * full), zero);
    f[4] = FLASH_SELECT(single, area * full, zero);
    f[5] = FLASH_SELECT(sweep, maps, zero);
    f[6] = FLASH_SELECT(sweep & odd, maps, zero);
    f[7] = FLASH_SELECT(dense & (group >= 16.0) & (FLOOR(group * 0.25) * 4.0 != group),
                        p * (area * group), zero);
    f[8] = FLASH_SELECT(~sweep & odd, maps, zero);
    f[9] = FLASH_SELECT(sweep, zero, FLASH_ALL(1.0));
}

/* Eight layers' features; how many weights they have, and macs. */
TARGET INLINE void KERNEL(counts)(int rram, const double *layer, flash_doubles *f,
                                  flash_doubles *weights, flash_doubles *macs)
{
    flash_doubles area = *(const flash_doubles *)layer;
    const flash_doubles into = *(const flash_doubles *)(layer + FLASH_LAYERS);
    const flash_doubles out = *(const flash_doubles *)(layer + 2 * FLASH_LAYERS);
    const flash_doubles side = *(const flash_doubles *)(layer + 3 * FLASH_LAYERS);
    const flash_longs single = area < 0.0;
    const flash_doubles group = FLASH_SELECT(single, FLASH_ALL(1.0), into);
    area = FLASH_SELECT(single, -area, area);
    if (rram)
        KERNEL(rram_counts)(area, into, out, side * side, f);
    else
        KERNEL(cpu_counts)(area, single, group, out, side, f);
    *weights = area * group * out;
    *macs = *weights * (side * side);
}

/* Costs of `groups` (1 or 2) times eight layers into the sums; `live`, of one group only: all bits
 * in the lanes that count. */
TARGET INLINE void KERNEL(add)(const flash_terms *terms, int rram, int groups, const double *layer,
                               const flash_longs *live, flash_doubles *sum, flash_doubles *worst)
{
    flash_doubles f[16], g[16], weights, macs, more, more_macs;
    KERNEL(counts)(rram, layer, f, &weights, &macs);
    if (groups == 2)
        KERNEL(counts)(rram, layer + 8, g, &more, &more_macs);
    for (int k = 1, t = 0; k < 7; k++) {
        if (t == terms->n || terms->column[t] != k)
            continue;
        flash_doubles a = FLASH_ALL(0.0), b = a;
        for (; t < terms->n && terms->column[t] == k; t++) {
            a += f[terms->feature[t]] * terms->weight[t];
            if (groups == 2)
                b += g[terms->feature[t]] * terms->weight[t];
        }
        a = a * terms->per_unit[k];
        if (live)
            a = FLASH_SELECT(*live, a, FLASH_ALL(0.0));
        *worst = FLASH_SELECT(a > *worst, a, *worst);
        a = (a + 6755399441055744.0) - 6755399441055744.0;
        if (groups == 2) {
            b = b * terms->per_unit[k];
            *worst = FLASH_SELECT(b > *worst, b, *worst);
            a += (b + 6755399441055744.0) - 6755399441055744.0;
        }
        sum[k] += a;
    }
    if (live) {
        weights = FLASH_SELECT(*live, weights, FLASH_ALL(0.0));
        macs = FLASH_SELECT(*live, macs, FLASH_ALL(0.0));
    }
    sum[COL_PARAMS] += groups == 2 ? weights + more : weights;
    sum[COL_MACS] += groups == 2 ? macs + more_macs : macs;
}

TARGET INLINE int KERNEL(charge_all)(const flash_terms *terms, int rram, const flash_network *net,
                                     double *layer, double *x)
{
    const flash_doubles lane = {0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0};
    flash_doubles sum[FLASH_COLUMNS], worst = FLASH_ALL(0.0);
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
        flash_doubles into = lane * run->into_step + run->into;
        flash_doubles out = lane * run->out_step + run->out;
        for (i = n; i < n + run->count; i += 8) {
            *(flash_loose *)(layer + i) = FLASH_ALL(run->area);
            *(flash_loose *)(layer + FLASH_LAYERS + i) = into;
            *(flash_loose *)(layer + 2 * FLASH_LAYERS + i) = out;
            *(flash_loose *)(layer + 3 * FLASH_LAYERS + i) = FLASH_ALL(run->side);
            into += run->into_step * 8.0;
            out += run->out_step * 8.0;
        }
        n += run->count;
    }
    for (int k = 0; k < FLASH_COLUMNS; k++)
        sum[k] = FLASH_ALL(0.0);
    for (i = 0; i + 16 <= n; i += 16)
        KERNEL(add)(terms, rram, 2, layer + i, 0, sum, &worst);
    for (; i < n; i += 8) {
        flash_longs live = lane < (double)(n - i);
        KERNEL(add)(terms, rram, 1, layer + i, &live, sum, &worst);
    }
    for (int c = 0; c < net->n_cells; c += 8) {
        flash_longs live = lane < (double)(net->n_cells - c);
        flash_doubles width = *(const flash_loose *)(net->width + c);
        flash_doubles a = width * (net->unit / *(const flash_loose *)(net->convolutions + c));
        flash_doubles b = *(const flash_loose *)(net->links + c) * (net->unit / width);
        a = FLASH_SELECT(live, a, FLASH_ALL(0.0));
        b = FLASH_SELECT(live, b, FLASH_ALL(0.0));
        worst = FLASH_SELECT(a > worst, a, worst);
        worst = FLASH_SELECT(b > worst, b, worst);
        sum[COL_SCORE] += ((a + 6755399441055744.0) - 6755399441055744.0)
                          + ((b + 6755399441055744.0) - 6755399441055744.0);
    }
    flash_longs late = worst >= 2251799813685248.0;
    int64_t any = 0;
    for (int j = 0; j < 8; j++)
        any |= late[j];
    for (int k = 0; k < FLASH_COLUMNS; k++) {
        double total = k == COL_PARAMS ? net->params : 0.0;
        for (int j = 0; j < 8; j++)
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
#endif
