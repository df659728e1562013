/* The kernels of fronts (see front.pyx), compiled once per instruction set (see kernels.c). */

/* The totals of a point and of each of sixteen others. */
TARGET static void KERNEL(joined)(const flash_stage *s, const double *one, const double *others,
                                  const double *offset, flash_lanes *lanes)
{
    for (int32_t i = 0; i < s->n_columns; i++, others += FLASH_POINTS) {
        const int32_t k = s->column[i];
        const double own = one[i * FLASH_POINTS] + offset[k];
        double *total = lanes->total[k];
        if (k == COL_PEAK)
            for (int l = 0; l < FLASH_POINTS; l++)
                total[l] = own > others[l] ? own : others[l];
        else
            for (int l = 0; l < FLASH_POINTS; l++)
                total[l] = own + others[l];
    }
}

/* A class, most likely one soon after `first`. */
static inline int KERNEL(class_from)(const flash_links *l, double scale, int first)
{
    const int last = l->n_steps - 1;
    if (!last || scale > l->scale_max[last - 1])
        return last;
    for (int g = first; g < first + 8; g++)
        if (scale <= l->scale_max[g])
            return g;
    return flash_class_of(l, scale);
}

/* What the classes of sixteen sums multiply by, where the missing cells bring `rest`. */
TARGET static inline __attribute__((always_inline)) void
KERNEL(factors)(const flash_stage *s, const double *scale, double rest, flash_factors *out)
{
    const flash_links *l = s->links;
    const flash_class *of[FLASH_POINTS];
    int32_t whole[FLASH_POINTS];
    int direct = 1;
    if (!l->n_steps) {
        memset(out, 0, sizeof(*out));
        return;
    }
    for (int i = 0; i < FLASH_POINTS; i++) {
        double x = scale[i] + rest;
        int inside = x >= 0.0 && x < l->n_direct;
        whole[i] = inside ? (int32_t)x : 0;
        direct &= inside;
    }
    if (direct)
        for (int i = 0; i < FLASH_POINTS; i++)
            of[i] = l->of + l->class_at[whole[i]];
    else {
        double least = scale[0];
        for (int i = 1; i < FLASH_POINTS; i++)
            least = scale[i] < least ? scale[i] : least;
        const int first = flash_class_of(l, least + rest);
        for (int i = 0; i < FLASH_POINTS; i++)
            of[i] = l->of + KERNEL(class_from)(l, scale[i] + rest, first);
    }
#ifdef QUADS
    for (int i = 0; i < FLASH_POINTS; i += 4) {
        flash_quad part[4];
        for (int j = 0; j < 4; j++)
            part[j] = *(const flash_quad *)&of[i + j]->latency_in;
        KERNEL(turn)(part);
        *(flash_quad *)(out->latency_in + i) = part[0];
        *(flash_quad *)(out->latency_out + i) = part[1];
        *(flash_quad *)(out->energy_in + i) = part[2];
        *(flash_quad *)(out->energy_out + i) = part[3];
        if (!(s->counts & (1 << M_ENERGY | 1 << M_AREA)))
            continue;
        for (int j = 0; j < 4; j++)
            part[j] = *(const flash_quad *)&of[i + j]->leak_out;
        KERNEL(turn)(part);
        *(flash_quad *)(out->leak_out + i) = part[0];
        *(flash_quad *)(out->area + i) = part[1];
    }
#else
    for (int i = 0; i < FLASH_POINTS; i++) {
        out->latency_in[i] = of[i]->latency_in;
        out->latency_out[i] = of[i]->latency_out;
        out->energy_in[i] = of[i]->energy_in;
        out->energy_out[i] = of[i]->energy_out;
        out->leak_out[i] = of[i]->leak_out;
        out->area[i] = of[i]->area;
    }
#endif
}

TARGET static void KERNEL(find_factors)(const flash_stage *s, flash_lanes *lanes)
{
    if (!(s->counts & (1 << M_LATENCY | 1 << M_ENERGY | 1 << M_AREA)))
        return;
    KERNEL(factors)(s, lanes->total[COL_SCALE], s->low[COL_SCALE], &lanes->of[0]);
    if (!s->final)
        KERNEL(factors)(s, lanes->total[COL_SCALE], s->high[COL_SCALE], &lanes->of[1]);
    lanes->known = 1;
}

/* Keys of totals, but for those of a score with logarithms. What they mean is problem.h's
 * flash_metrics: the same operations in the same order. */
TARGET static void KERNEL(keyed)(const flash_stage *s, flash_lanes *lanes)
{
    const flash_links *l = s->links;
    const double ms = l->quantum[M_LATENCY], mj = l->quantum[M_ENERGY];
    const double score = l->quantum[M_SCORE], area = l->quantum[M_AREA];
#define X(k) (lanes->total[k][i] + rest[k])
    KERNEL(find_factors)(s, lanes);
    for (int32_t d = s->corners; d < s->n_keys; d++) {
        const int at_most = s->kind[d] >= FLASH_AT_MOST;
        const int kind = s->kind[d] - (at_most ? FLASH_AT_MOST : 0);
        const double *rest = at_most ? s->high : s->low;
        const flash_factors *of = &lanes->of[at_most];
        double *key = lanes->key[d];
        switch (kind) {
        case M_SCORE:
            for (int i = 0; i < FLASH_POINTS; i++)
                key[i] = -(score * X(COL_SCORE));
            break;
        case M_LATENCY:
            for (int i = 0; i < FLASH_POINTS; i++)
                key[i] = ms * X(COL_LATENCY)
                         + (of->latency_in[i] * (ms * X(COL_LATENCY_IN))
                            + of->latency_out[i] * (ms * X(COL_LATENCY_OUT)));
            break;
        case M_ENERGY:
            for (int i = 0; i < FLASH_POINTS; i++)
                key[i] = (mj * X(COL_ENERGY)
                          + (of->energy_in[i] * (mj * X(COL_ENERGY_IN))
                             + of->energy_out[i] * (mj * X(COL_ENERGY_OUT))))
                         + (l->leakage * X(COL_SCALE))
                               * (ms * X(COL_LEAK)
                                  + (of->latency_in[i] * (ms * X(COL_LEAK_IN))
                                     + of->leak_out[i] * (ms * X(COL_LATENCY_OUT))));
            break;
        case M_AREA:
            for (int i = 0; i < FLASH_POINTS; i++) {
                double peak = lanes->total[COL_PEAK][i];
                peak = peak > rest[COL_PEAK] ? peak : rest[COL_PEAK];
                key[i] = area * (X(COL_AREA) + peak)
                         + (l->area_per_scale * X(COL_SCALE) + of->area[i]);
            }
            break;
        default:
            for (int i = 0; i < FLASH_POINTS; i++)
                key[i] = X(kind == M_PARAMS ? COL_PARAMS : kind == M_MACS ? COL_MACS : COL_SCALE);
        }
    }
#undef X
}

#ifdef FLASH_VECTORS
#define PAIR_KIND TARGET static inline __attribute__((always_inline))
#define PAIR(name) KERNEL(name)
#define REAL flash_doubles
#define MASK flash_longs
#define OF(lanes) (*(const flash_loose *)((lanes) + at))
#define MOST(a, b) FLASH_SELECT((a) > (b), a, b)
#define CHOICE(mask, a, b) FLASH_SELECT(mask, a, b)
#include "front_pair.h"

/* A register holds the codes of this many candidates, each one's sixteen times: one for each point
 * of a block. Where registers are small two of them hold one candidate's. */
#if WIDTH == 8
#define CANDIDATES 2
typedef int16_t KERNEL(codes) __attribute__((vector_size(64)));
typedef __mmask32 KERNEL(fits); /* bit 16 * candidate + point: no code was larger so far */
#define ALL_FIT (~(__mmask32)0)
#define FITS(fits, point, candidate)                                                            \
    _mm512_mask_cmple_epi16_mask(fits, (__m512i)(point), (__m512i)(candidate))
#define FITTING(fits) ((uint32_t)(fits))
#define BITS 1
#define REPEATED(code)                                                                          \
    ((KERNEL(codes))_mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(code))))
#else
#define CANDIDATES 1
typedef int16_t KERNEL(codes) __attribute__((vector_size(32)));
typedef int16_t KERNEL(loose_codes) __attribute__((vector_size(32), aligned(2), may_alias));
typedef KERNEL(codes) KERNEL(fits); /* not zero where a code was larger */
#define ALL_FIT ((KERNEL(codes)){0})
#define FITS(fits, point, candidate) ((fits) | ((point) > (candidate)))
#define FITTING(fits) KERNEL(fitting_bits)(&(fits)) /* bits 2 * point and the one above */
#define BITS 2
#define REPEATED(code) (*(const KERNEL(loose_codes) *)(code))
TARGET static inline __attribute__((always_inline)) uint32_t
KERNEL(fitting_bits)(const KERNEL(codes) *above)
{
#if WIDTH == 4
    return ~(uint32_t)_mm256_movemask_epi8((__m256i)*above);
#elif defined(FLASH_X86)
    __m128i half[2];
    memcpy(half, above, sizeof(half));
    return ~((uint32_t)_mm_movemask_epi8(half[0]) | (uint32_t)_mm_movemask_epi8(half[1]) << 16);
#else
    uint64_t part[4];
    uint32_t bits = 0;
    memcpy(part, above, sizeof(part));
    if ((part[0] & part[1] & part[2] & part[3]) != ~(uint64_t)0)
        for (int p = 0; p < FLASH_POINTS; p++)
            bits |= (uint32_t)(!(*above)[p] * 3) << 2 * p;
    return bits;
#endif
}
#endif

/* One bit for each of eight lanes. */
TARGET static inline __attribute__((always_inline)) uint32_t KERNEL(bits_of)(flash_longs mask)
{
    return (uint32_t)(FLASH_HITS(mask) * 0x0102040810204080ULL >> 56);
}

/* Codes of sixteen candidates, as flash_code makes them, laid out against the points of blocks. */
TARGET static inline __attribute__((always_inline)) void
KERNEL(spread_codes)(const double *key, double from, double per, KERNEL(codes) *own)
{
#if WIDTH == 8
    const __m512d least = _mm512_set1_pd(-1.0), most = _mm512_set1_pd(FLASH_CODES);
    __m256i half[2];
    for (int i = 0; i < 2; i++) {
        __m512d x = _mm512_sub_pd(_mm512_loadu_pd(key + 8 * i), _mm512_set1_pd(from));
        x = _mm512_max_pd(_mm512_min_pd(_mm512_mul_pd(x, _mm512_set1_pd(per)), most), least);
        half[i] = _mm512_cvttpd_epi32(x);
    }
    __m512i wide = _mm512_inserti64x4(_mm512_castsi256_si512(half[0]), half[1], 1);
    wide = _mm512_add_epi32(wide, _mm512_set1_epi32(FLASH_FIRST_CODE));
    wide = _mm512_castsi256_si512(_mm512_cvtepi32_epi16(wide));
    __m512i place = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(1), 1);
    for (int g = 0; g < FLASH_POINTS / CANDIDATES; g++) {
        own[g] = (KERNEL(codes))_mm512_permutexvar_epi16(place, wide);
        place = _mm512_add_epi16(place, _mm512_set1_epi16(2));
    }
#else
    int16_t code[FLASH_POINTS];
    for (int l = 0; l < FLASH_POINTS; l++)
        code[l] = flash_code(key[l], from, per);
    for (int l = 0; l < FLASH_POINTS; l++)
        own[l] = (KERNEL(codes)){0} + code[l];
#endif
}

/* Candidates that a point is at most as large as in all keys: those that it dominates, and others
 * that it may come before (`maybe`). */
TARGET static inline __attribute__((always_inline)) uint32_t
KERNEL(beaten)(const flash_points *of, int64_t block, int point, const flash_lanes *lanes)
{
    const double *own = of->key + block * of->keys * FLASH_POINTS + point;
    uint32_t out = 0;
    for (int at = 0; at < FLASH_POINTS; at += LANES) {
        flash_longs most = ~(flash_longs){0}, less = {0};
        for (int32_t d = 0; d < of->keys; d++) {
            flash_doubles y = *(const flash_loose *)(lanes->key[d] + at);
            most &= own[d * FLASH_POINTS] <= y;
            less |= own[d * FLASH_POINTS] < y;
        }
        out |= KERNEL(bits_of)(of->alike ? most : most & less) << at;
    }
    return out;
}

/* The same where cells are missing. */
TARGET static __attribute__((noinline)) uint32_t
KERNEL(surely_beaten)(const flash_stage *s, const flash_points *of, int64_t block, int point,
                      const flash_lanes *lanes, uint32_t *maybe)
{
    const int64_t number = block * FLASH_POINTS + point;
    const double *record = (const double *)(of->record + number * of->stride);
    double a[FLASH_COLUMNS] = {0.0};
    uint32_t out = 0;
    if (number >= of->n)
        return 0;
    for (int32_t i = 0; i < s->n_columns; i++)
        a[s->column[i]] = record[s->place[i]];
    for (int at = 0; at < FLASH_POINTS; at += LANES) {
        flash_longs better, other;
        flash_longs pass = KERNEL(surely)(s, a, of->key + block * of->keys * FLASH_POINTS + point,
                                          lanes, &lanes->of[0], &lanes->of[1], at, &better, &other);
        out |= KERNEL(bits_of)(of->alike ? pass : pass & better) << at;
        *maybe |= KERNEL(bits_of)(pass & ~better & other) << at;
    }
    return out;
}

/* `first`: codes that are compared before a look at whether any point fits */
TARGET static inline __attribute__((always_inline)) uint32_t
KERNEL(covered_by)(const flash_stage *s, const flash_points *of, const int first,
                   flash_lanes *lanes, int count, int64_t n, const int32_t *list,
                   uint32_t *perhaps)
{
    const int32_t keys = of->keys;
    KERNEL(codes) own[FLASH_KEYS][FLASH_POINTS / CANDIDATES];
    uint32_t alive = (1u << count) - 1, maybe = 0;
    for (int32_t d = 0; d < keys; d++)
        KERNEL(spread_codes)(lanes->key[d], of->from[d], of->per[d], own[d]);
    for (int64_t i = 0; i < n && alive; i++) {
        const int16_t *code = of->code + (int64_t)list[i] * keys * FLASH_POINTS;
        KERNEL(codes) point[4];
        uint32_t hits[FLASH_POINTS], hit = 0; /* points for each candidate; candidates */
        for (int d = 0; d < first; d++)
            point[d] = REPEATED(code + d * FLASH_POINTS);
        for (int g = 0; g < FLASH_POINTS / CANDIDATES; g++) {
            KERNEL(fits) fits = ALL_FIT;
            if (!(alive >> g * CANDIDATES & ((1u << CANDIDATES) - 1)))
                continue;
            for (int d = 0; d < first; d++)
                fits = FITS(fits, point[d], own[d][g]);
            for (int32_t d = first; d < keys && FITTING(fits); d++)
                fits = FITS(fits, REPEATED(code + d * FLASH_POINTS), own[d][g]);
            uint32_t bits = FITTING(fits);
            if (!bits)
                continue;
            for (int l = 0; l < CANDIDATES; l++) {
                hits[g * CANDIDATES + l]
                    = CANDIDATES == 1 ? bits : bits >> l * FLASH_POINTS & 0xFFFF;
                hit |= (uint32_t)(hits[g * CANDIDATES + l] != 0) << (g * CANDIDATES + l);
            }
        }
        hit &= alive;
        if (hit && !lanes->known && !s->final)
            KERNEL(find_factors)(s, lanes);
        for (uint32_t done = 0; hit; hit &= hit - 1) {
            const uint32_t l = (uint32_t)__builtin_ctz(hit);
            for (uint32_t left; (left = hits[l] & ~done) && alive >> l & 1;) {
                const uint32_t at = (uint32_t)__builtin_ctz(left);
                done |= ((1u << BITS) - 1) << at;
                if (s->final)
                    alive &= ~KERNEL(beaten)(of, list[i], at / BITS, lanes);
                else
                    alive &= ~KERNEL(surely_beaten)(s, of, list[i], at / BITS, lanes, &maybe);
            }
        }
    }
    *perhaps = maybe;
    return alive;
}
#undef CANDIDATES
#undef ALL_FIT
#undef FITS
#undef FITTING
#undef BITS
#undef REPEATED
#endif

/* Of `count` candidates, one bit each, those that no point of the listed blocks dominates. perhaps:
 * those that a point is not worse than in anything, and less in some column. */
TARGET static uint32_t KERNEL(covered)(const flash_stage *s, const flash_points *of,
                                       flash_lanes *lanes, int count, int64_t n,
                                       const int32_t *list, uint32_t *perhaps)
{
#ifdef FLASH_VECTORS
    if (of->keys == 2)
        return KERNEL(covered_by)(s, of, 2, lanes, count, n, list, perhaps);
    if (of->keys == 3)
        return KERNEL(covered_by)(s, of, 3, lanes, count, n, list, perhaps);
    return KERNEL(covered_by)(s, of, 4, lanes, count, n, list, perhaps);
#else
    uint32_t alive = (1u << count) - 1;
    *perhaps = 0;
    for (int64_t i = 0; i < n && alive; i++)
        for (int l = 0; l < count; l++)
            for (int p = 0; p < FLASH_POINTS && alive >> l & 1; p++) {
                int64_t number = (int64_t)list[i] * FLASH_POINTS + p;
                int told = flash_dominates(s, of, number, lanes, l);
                alive &= ~((uint32_t)(told == 1) << l);
                *perhaps |= (uint32_t)(told == 2) << l;
            }
    return alive;
#endif
}
