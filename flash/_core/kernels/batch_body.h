/* Metrics of many configurations from packed tables, compiled once per instruction set (see
 * kernels.c). What they mean is problem.h's flash_metrics: the same operations in the same order,
 * on as many configurations at a time as registers hold numbers, up to four. NULL where the
 * compiler has no vectors. */

#ifdef FLASH_VECTORS

#ifndef BATCH_METRICS
/* A class's numbers, as flash_class has them. */
enum { OF_LATENCY_IN, OF_LATENCY_OUT, OF_ENERGY_IN, OF_ENERGY_OUT, OF_LEAK_OUT, OF_AREA };

/* Of totals x in classes whose numbers are g, of whatever type they are. Where there are no classes
 * their zeros are not added. */
#define BATCH_METRICS(type, layout, l, x, g, m)                                                 \
    do {                                                                                        \
        const double ms_ = (l)->quantum[M_LATENCY], mj_ = (l)->quantum[M_ENERGY];               \
        m[M_SCORE] = (l)->quantum[M_SCORE] * x[COL_SCORE];                                      \
        m[M_LATENCY] = ms_ * x[COL_LATENCY];                                                    \
        m[M_ENERGY] = x[COL_ENERGY];                                                            \
        m[M_AREA] = x[COL_AREA];                                                                \
        m[M_PARAMS] = x[COL_PARAMS];                                                            \
        m[M_MACS] = x[COL_MACS];                                                                \
        if ((layout) != PACK_FEW) {                                                             \
            type leak_ = ms_ * x[COL_LEAK], area_ = (l)->area_per_scale * x[COL_SCALE];         \
            m[M_ENERGY] = mj_ * x[COL_ENERGY];                                                  \
            m[M_AREA] = (l)->quantum[M_AREA] * x[COL_AREA];                                     \
            if ((layout) != PACK_PLAIN) {                                                       \
                const type out_ = ms_ * x[COL_LATENCY_OUT];                                     \
                m[M_AREA] = (l)->quantum[M_AREA] * (x[COL_AREA] + x[COL_PEAK]);                 \
                m[M_LATENCY] += g[OF_LATENCY_IN] * (ms_ * x[COL_LATENCY_IN])                    \
                                + g[OF_LATENCY_OUT] * out_;                                     \
                m[M_ENERGY] += g[OF_ENERGY_IN] * (mj_ * x[COL_ENERGY_IN])                       \
                               + g[OF_ENERGY_OUT] * (mj_ * x[COL_ENERGY_OUT]);                  \
                leak_ += g[OF_LATENCY_IN] * (ms_ * x[COL_LEAK_IN]) + g[OF_LEAK_OUT] * out_;     \
                area_ += g[OF_AREA];                                                            \
            }                                                                                   \
            m[M_ENERGY] += ((l)->leakage * x[COL_SCALE]) * leak_;                               \
            m[M_AREA] += area_;                                                                 \
        }                                                                                       \
    } while (0)

/* The totals x that folded rows add up to. */
#define BATCH_UNFOLD(type, p, folded, as_double, x)                                             \
    do {                                                                                        \
        type above_[FOLD_NUMBERS], below_[FOLD_NUMBERS];                                        \
        for (int k_ = 0; k_ < FOLD_NUMBERS; k_++) {                                             \
            above_[k_] = folded[k_] >> (p)->cut[k_];                                            \
            below_[k_] = folded[k_] & (p)->below[k_];                                           \
        }                                                                                       \
        x[COL_SCORE] = as_double(above_[FOLD_SCORE]) + (p)->base;                               \
        x[COL_LATENCY] = as_double(above_[FOLD_LATENCY]);                                       \
        x[COL_LATENCY_IN] = as_double(above_[FOLD_LATENCY_IN]);                                 \
        x[COL_LATENCY_OUT] = as_double((below_[FOLD_LATENCY] << (p)->split[SPLIT_LATENCY_OUT])  \
                                       + below_[FOLD_ENERGY_IN]);                               \
        x[COL_ENERGY] = as_double(above_[FOLD_ENERGY]);                                         \
        x[COL_ENERGY_IN] = as_double(above_[FOLD_ENERGY_IN]);                                   \
        x[COL_ENERGY_OUT] = as_double((below_[FOLD_SCORE] << (p)->split[SPLIT_ENERGY_OUT])      \
                                      + below_[FOLD_LATENCY_IN]);                               \
        x[COL_LEAK] = as_double(above_[FOLD_LATENCY] + above_[FOLD_LEAK]);                      \
        x[COL_LEAK_IN] = as_double(above_[FOLD_LATENCY_IN] + above_[FOLD_LEAK_IN]);             \
        x[COL_SCALE] = as_double(below_[FOLD_LEAK]);                                            \
        x[COL_PEAK] = as_double(above_[FOLD_PEAK]);                                             \
        x[COL_PARAMS] = as_double(below_[FOLD_LEAK_IN]);                                        \
        x[COL_MACS] = as_double((below_[FOLD_ENERGY] << (p)->split[SPLIT_MACS])                 \
                                + below_[FOLD_PEAK]);                                           \
    } while (0)

/* The totals x that few or plain rows y add up to: scale is below half of `fold`. */
#define BATCH_PLAIN(p, plain, y, x)                                                             \
    do {                                                                                        \
        x[COL_SCORE] = y[0], x[COL_LATENCY] = y[1], x[COL_PARAMS] = y[2], x[COL_MACS] = y[3];   \
        if (plain) {                                                                            \
            x[COL_PARAMS] = (y[2] * (p)->unfold + TO_INTEGER) - TO_INTEGER;                     \
            x[COL_SCALE] = y[2] - x[COL_PARAMS] * (p)->fold;                                    \
            x[COL_ENERGY] = y[4], x[COL_LEAK] = y[5], x[COL_AREA] = y[6];                       \
        }                                                                                       \
    } while (0)
#define TO_INTEGER 6755399441055744.0 /* added and taken away: below 2^51 it rounds */

_Static_assert(COL_PEAK % 4 == 3 && FOLD_PEAK % 4 == 3, "a peak is the last number of a vector");

typedef uint64_t flash_ulongs __attribute__((vector_size(64), may_alias));

/* The numbers of the class of a scale. */
static inline const double *flash_packed_class(const flash_packed *p, double scale)
{
    int64_t at = (int64_t)scale;
    if (at < PACK_DIRECT)
        return &p->links->of[p->class_at[at]].latency_in;
    at = p->class_at[PACK_DIRECT + (at >> p->coarse)];
    return &p->links->of[at + (scale > p->links->scale_max[at])].latency_in;
}
#endif

#ifdef QUADS
#define BATCH_ABREAST 4
#else
#define BATCH_ABREAST 2
#endif
typedef double KERNEL(some) __attribute__((vector_size(8 * BATCH_ABREAST), may_alias));
typedef uint64_t KERNEL(some_longs) __attribute__((vector_size(8 * BATCH_ABREAST), may_alias));
typedef uint64_t KERNEL(loose_longs)
    __attribute__((vector_size(8 * BATCH_ABREAST), aligned(8), may_alias));
#define SOME_DOUBLES(x) /* of integers below 2^52 */                                            \
    ((KERNEL(some))((x) | 0x4330000000000000ULL) - 4503599627370496.0)

/* q[i][k] becomes q[k][i] */
TARGET static inline __attribute__((always_inline)) void KERNEL(turn)(KERNEL(some) *q)
{
#ifdef QUADS
    flash_quad a = QUAD_MIX(q[0], q[1], 0, 4, 2, 6), b = QUAD_MIX(q[0], q[1], 1, 5, 3, 7);
    flash_quad c = QUAD_MIX(q[2], q[3], 0, 4, 2, 6), d = QUAD_MIX(q[2], q[3], 1, 5, 3, 7);
    q[0] = QUAD_MIX(a, c, 0, 1, 4, 5);
    q[1] = QUAD_MIX(b, d, 0, 1, 4, 5);
    q[2] = QUAD_MIX(a, c, 2, 3, 6, 7);
    q[3] = QUAD_MIX(b, d, 2, 3, 6, 7);
#else
    KERNEL(some) a = q[0], b = q[1];
    q[0] = (KERNEL(some)){a[0], b[0]};
    q[1] = (KERNEL(some)){a[1], b[1]};
#endif
}

/* The greater one of the last numbers; the others do not matter. */
TARGET static inline __attribute__((always_inline)) KERNEL(some_longs)
KERNEL(greater)(KERNEL(some_longs) a, KERNEL(some_longs) b)
{
#ifdef QUADS
    __m256i greater = _mm256_cmpgt_epi64((__m256i)b, (__m256i)a);
    return (KERNEL(some_longs))_mm256_blendv_epi8((__m256i)a, (__m256i)b, greater);
#else
    a[1] = a[1] > b[1] ? a[1] : b[1];
    return a;
#endif
}

/* Where the rows of up to PACK_BLOCK configurations are; nonzero if any is out of range. */
TARGET static inline __attribute__((always_inline)) int KERNEL(locate)(
    const flash_packed *p, int chunks, int64_t n, const int32_t *variant, const int32_t *row,
    int64_t width, int32_t *place)
{
    int wrong = 0;
#ifdef QUADS
    flash_ints bad = {0};
#endif
    for (int64_t i = 0; i < n; i++, row += width) {
        uint32_t v = (uint32_t)variant[i];
        wrong |= v >= (uint32_t)p->n_variants;
        v = v < (uint32_t)p->n_variants ? v : 0;
        for (int j = 0; j < chunks; j++, place += 8) {
            const flash_places *part = p->part + v * chunks + j;
#ifdef QUADS
            flash_uints r = *(const flash_loose_uints *)(row + 8 * j);
            flash_ints fits = (flash_ints)(r < *(const flash_loose_uints *)part->limit);
            bad |= ~fits & *(const flash_loose_ints *)part->need;
            *(flash_loose_ints *)place
                = fits & ((flash_ints)(r << p->shift) + *(const flash_loose_ints *)part->first);
#else
            for (int c = 0; c < 8 && 8 * j + c < p->n_cells; c++) {
                uint32_t r = (uint32_t)row[8 * j + c];
                int fits = r < part->limit[c];
                wrong |= (fits - 1) & part->need[c];
                place[c] = fits ? part->first[c] + (int32_t)(r << p->shift) : 0;
            }
#endif
        }
    }
#ifdef QUADS
    for (int j = 0; j < 8; j++)
        wrong |= bad[j];
#endif
    return wrong;
}

/* What the rows of some configurations add up to, number by number. Peaks are compared as integers:
 * doubles that are not negative are in the same order. Two configurations at once, and loops
 * unrolled, so that all sums are in registers. */
TARGET static inline __attribute__((always_inline)) void KERNEL(add_up)(
    const flash_packed *p, int layout, int cells, int apart, const int32_t *place,
    KERNEL(some) *y)
{
    const int vectors = (layout == PACK_FEW ? 4 : layout == PACK_WIDE ? 16 : 8) / BATCH_ABREAST;
    const int peaked = layout == PACK_FOLDED || layout == PACK_WIDE;
    const int last = (layout == PACK_WIDE ? COL_PEAK : FOLD_PEAK) / BATCH_ABREAST;
    const KERNEL(some_longs) summed = *(const KERNEL(loose_longs) *)(
        p->summed + last % (8 / BATCH_ABREAST) * BATCH_ABREAST);
#pragma GCC unroll 2
    for (int first = 0; first < BATCH_ABREAST; first += 2) {
        KERNEL(some_longs) sum[2][PACK_LONGEST / BATCH_ABREAST], most[2];
#pragma GCC unroll 2
        for (int u = 0; u < 2; u++) {
            const KERNEL(some_longs) *own
                = (const KERNEL(some_longs) *)(p->memory + place[(first + u) * apart]);
#pragma GCC unroll 8
            for (int k = 0; k < vectors; k++)
                sum[u][k] = own[k];
            if (peaked)
                most[u] = own[last];
        }
        for (int c = 1; c < cells; c++)
#pragma GCC unroll 2
            for (int u = 0; u < 2; u++) {
                const KERNEL(some_longs) *own
                    = (const KERNEL(some_longs) *)(p->memory + place[(first + u) * apart + c]);
#pragma GCC unroll 8
                for (int k = 0; k < vectors; k++) {
                    if (layout == PACK_FOLDED) {
                        sum[u][k] += own[k];
                    } else {
                        KERNEL(some) total = (KERNEL(some))sum[u][k] + (KERNEL(some))own[k];
                        sum[u][k] = (KERNEL(some_longs))total;
                    }
                }
                if (peaked)
                    most[u] = KERNEL(greater)(most[u], own[last]);
            }
#pragma GCC unroll 2
        for (int u = 0; u < 2; u++) {
            if (peaked)
                sum[u][last] = (sum[u][last] & summed) | (most[u] & ~summed);
#pragma GCC unroll 8
            for (int k = 0; k < vectors; k++)
                y[k * BATCH_ABREAST + first + u] = (KERNEL(some))sum[u][k];
        }
    }
#pragma GCC unroll 8
    for (int k = 0; k < vectors; k++)
        KERNEL(turn)(y + k * BATCH_ABREAST);
}

TARGET static inline __attribute__((always_inline)) void KERNEL(metrics)(
    const flash_packed *p, int layout, int chunks, int64_t n, const int32_t *place,
    const int32_t *next, int64_t plane, double *out)
{
    const flash_links *l = p->links;
    const int cells = p->n_cells, apart = PLACES_CELLS * chunks;
    for (int64_t i = 0; i < n; i += BATCH_ABREAST, place += BATCH_ABREAST * apart) {
        KERNEL(some) x[PACK_LONGEST] = {{0.0}}, y[PACK_LINE], g[PACK_LINE] = {{0.0}};
        KERNEL(some) m[FLASH_METRICS];
        for (int u = 0; next && u < BATCH_ABREAST; u++, next += apart)
            for (int c = 0; c < cells; c++) {
                __builtin_prefetch(p->memory + next[c], 0, 2);
                if (layout == PACK_WIDE)
                    __builtin_prefetch(p->memory + next[c] + 8, 0, 2);
            }
        KERNEL(add_up)(p, layout, cells, apart, place, layout == PACK_WIDE ? x : y);
        if (layout == PACK_FOLDED) {
            const KERNEL(some_longs) *folded = (const KERNEL(some_longs) *)y;
            BATCH_UNFOLD(KERNEL(some_longs), p, folded, SOME_DOUBLES, x);
        } else if (layout != PACK_WIDE) {
            BATCH_PLAIN(p, layout == PACK_PLAIN, y, x);
        }
        if (layout == PACK_FOLDED || (layout == PACK_WIDE && l->n_steps)) {
            const double *of[BATCH_ABREAST];
            for (int u = 0; u < BATCH_ABREAST; u++)
                of[u] = flash_packed_class(p, x[COL_SCALE][u]);
            for (int k = 0; k < 8; k += BATCH_ABREAST) {
                for (int u = 0; u < BATCH_ABREAST; u++)
                    g[k + u] = *(const KERNEL(some) *)(of[u] + k);
                KERNEL(turn)(g + k);
            }
        }
        BATCH_METRICS(KERNEL(some), layout, l, x, g, m);
        for (int k = 0; k < FLASH_METRICS; k++)
            *(KERNEL(some) *)(out + k * plane + i) = m[k];
    }
}

TARGET static int KERNEL(by_some)(const flash_packed *p, int64_t n, const int32_t *variant,
                                  const int32_t *row, int64_t width, int64_t plane, double *out)
{
    int32_t room[2][PACK_BLOCK * FLASH_MAX_CELLS] __attribute__((aligned(64)));
    const int chunks = (p->n_cells + PLACES_CELLS - 1) / PLACES_CELLS;
    int wrong = 0;
    for (int b = 0; b < 2; b++) /* the last group may lack some */
        memset(room[b], 0, PACK_BLOCK * chunks * PLACES_CELLS * sizeof(**room));
    for (int64_t i = 0, m = 0, b = 0;; b = !b) {
        /* a block's rows are fetched while the one before it is worked on */
        const int64_t next = i + m, left = n - next < PACK_BLOCK ? n - next : PACK_BLOCK;
        const int32_t *v = variant + next, *r = row + next * width;
        int32_t *place = room[!b], *ahead = p->far && left ? room[b] : NULL;
        wrong |= chunks == 1 ? KERNEL(locate)(p, 1, left, v, r, width, room[b])
                             : KERNEL(locate)(p, chunks, left, v, r, width, room[b]);
        if (p->layout == PACK_FEW)
            KERNEL(metrics)(p, PACK_FEW, chunks, m, place, ahead, plane, out + i);
        else if (p->layout == PACK_PLAIN)
            KERNEL(metrics)(p, PACK_PLAIN, chunks, m, place, ahead, plane, out + i);
        else if (p->layout == PACK_WIDE)
            KERNEL(metrics)(p, PACK_WIDE, chunks, m, place, ahead, plane, out + i);
        else if (chunks == 1)
            KERNEL(metrics)(p, PACK_FOLDED, 1, m, place, ahead, plane, out + i);
        else
            KERNEL(metrics)(p, PACK_FOLDED, chunks, m, place, ahead, plane, out + i);
        if (!left)
            return wrong;
        i = next;
        m = left;
    }
}
#undef SOME_DOUBLES

#if WIDTH < 8
TARGET static int KERNEL(from_tables)(const flash_packed *p, int64_t n, const int32_t *variant,
                                      const int32_t *row, int64_t width, int64_t plane,
                                      double *out)
{
    return KERNEL(by_some)(p, n, variant, row, width, plane, out);
}
#endif
#undef BATCH_ABREAST
#endif
