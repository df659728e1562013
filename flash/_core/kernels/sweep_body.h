/* The sieve of a complete enumeration, compiled once per instruction set (see kernels.c). */

#ifdef FLASH_X86
#if WIDTH == 8
#define S_LANES 32
#define S_VEC __m512i
#define S_LOAD(p) _mm512_load_si512(p)
#define S_ALL(x) _mm512_set1_epi16((short)(x))
#define S_ADD _mm512_add_epi16
#define S_ADDS _mm512_adds_epi16
#define S_SUB _mm512_sub_epi16
#define S_SUBS _mm512_subs_epi16
#define S_MIN _mm512_min_epi16
#define S_MULHI _mm512_mulhi_epu16
#define S_AT_LEAST(a, b) ((uint32_t)_mm512_cmpge_epi16_mask(a, b))
#elif WIDTH == 4
#define S_LANES 16
#define S_VEC __m256i
#define S_LOAD(p) _mm256_load_si256((const __m256i *)(p))
#define S_ALL(x) _mm256_set1_epi16((short)(x))
#define S_ADD _mm256_add_epi16
#define S_ADDS _mm256_adds_epi16
#define S_SUB _mm256_sub_epi16
#define S_SUBS _mm256_subs_epi16
#define S_MIN _mm256_min_epi16
#define S_MULHI _mm256_mulhi_epu16
#define S_AT_LEAST(a, b) KERNEL(at_least)(a, b)
TARGET static inline __attribute__((always_inline)) uint32_t KERNEL(at_least)(__m256i a, __m256i b)
{
    __m256i less = _mm256_cmpgt_epi16(b, a);
    return 0xffffu
           & ~(uint32_t)_mm_movemask_epi8(
               _mm_packs_epi16(_mm256_castsi256_si128(less), _mm256_extracti128_si256(less, 1)));
}
#else
#define S_LANES 8
#define S_VEC __m128i
#define S_LOAD(p) _mm_load_si128((const __m128i *)(p))
#define S_ALL(x) _mm_set1_epi16((short)(x))
#define S_ADD _mm_add_epi16
#define S_ADDS _mm_adds_epi16
#define S_SUB _mm_sub_epi16
#define S_SUBS _mm_subs_epi16
#define S_MIN _mm_min_epi16
#define S_MULHI _mm_mulhi_epu16
#define S_AT_LEAST(a, b) KERNEL(at_least)(a, b)
static inline __attribute__((always_inline)) uint32_t KERNEL(at_least)(__m128i a, __m128i b)
{
    __m128i less = _mm_cmpgt_epi16(b, a);
    return 0xffu & ~(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(less, less));
}
#endif
#define S_INLINE static inline __attribute__((always_inline))
#define S_COUNT(x) __builtin_popcountll(x)
#define S_FIRST(x) __builtin_ctzll(x)
#else /* plain C, which compilers turn into vectors where they can */
#define S_LANES 8
#define S_VEC flash_eight
#define S_LOAD(p) flash_eight_load(p)
#define S_ALL(x) flash_eight_all((int16_t)(x))
#define S_ADD flash_eight_add
#define S_ADDS flash_eight_adds
#define S_SUB flash_eight_sub
#define S_SUBS flash_eight_subs
#define S_MIN flash_eight_min
#define S_MULHI flash_eight_mulhi
#define S_AT_LEAST(a, b) flash_eight_at_least(a, b)
#define S_INLINE static inline
typedef struct {
    int16_t x[8];
} flash_eight;
#define EIGHT(name, value)                                                                      \
    static inline flash_eight flash_eight_##name(flash_eight a, flash_eight b)                  \
    {                                                                                           \
        for (int i = 0; i < 8; i++) {                                                           \
            int32_t p = a.x[i], q = b.x[i];                                                     \
            a.x[i] = (int16_t)(value);                                                          \
        }                                                                                       \
        return a;                                                                               \
    }
EIGHT(add, (uint16_t)p + (uint16_t)q)
EIGHT(adds, p + q > 32767 ? 32767 : p + q)
EIGHT(sub, p - q)
EIGHT(subs, p - q < -32768 ? -32768 : p - q > 32767 ? 32767 : p - q)
EIGHT(min, p < q ? p : q)
EIGHT(mulhi, (uint32_t)(uint16_t)p * (uint32_t)(uint16_t)q >> 16)
static inline flash_eight flash_eight_load(const int16_t *p)
{
    flash_eight a;
    memcpy(a.x, p, sizeof(a.x));
    return a;
}
static inline flash_eight flash_eight_all(int16_t x)
{
    flash_eight a;
    for (int i = 0; i < 8; i++)
        a.x[i] = x;
    return a;
}
static inline uint32_t flash_eight_at_least(flash_eight a, flash_eight b)
{
    uint32_t mask = 0;
    for (int i = 0; i < 8; i++)
        mask |= (uint32_t)(a.x[i] >= b.x[i]) << i;
    return mask;
}
static inline int S_COUNT(uint64_t x)
{
    int n = 0;
    for (; x; x &= x - 1)
        n++;
    return n;
}
static inline int S_FIRST(uint64_t x)
{
    int n = 0;
    for (; !(x & 1); x >>= 1)
        n++;
    return n;
}
#endif
#define S_COLUMNS struct KERNEL(sieve_columns)
S_COLUMNS {
    const int16_t *score, *leaking, *scale, *energy, *plain[SWEEP_PLAIN];
    S_VEC leaking0, scale0, room_energy, room[SWEEP_PLAIN], by_score, by_energy, by[SWEEP_PLAIN];
};

/* What is compared of the rows from i on: the slack of the budget that is closest to its end, and
 * the objective or what is above it. */
TARGET S_INLINE S_VEC KERNEL(slack_at)(const S_COLUMNS *c, int leaks, int n_plain, int valued,
                                       int64_t i, S_VEC *value)
{
    S_VEC slack = S_ALL(SWEEP_MOST), high = S_LOAD(c->score + i);
    if (valued)
        high = S_MULHI(high, c->by_score);
    if (leaks) {
        S_VEC product = S_MULHI(S_ADDS(S_LOAD(c->leaking + i), c->leaking0),
                                S_ADD(S_LOAD(c->scale + i), c->scale0));
        S_VEC energy = S_ADDS(S_LOAD(c->energy + i), product);
        slack = S_SUB(c->room_energy, energy);
        if (valued)
            high = S_SUBS(high, S_MULHI(energy, c->by_energy));
    }
    for (int k = 0; k < n_plain; k++) {
        S_VEC used = S_LOAD(c->plain[k] + i), left = S_SUB(c->room[k], used);
        if (valued)
            high = S_SUBS(high, S_MULHI(used, c->by[k]));
        slack = k || leaks ? S_MIN(slack, left) : left;
    }
    *value = high;
    return slack;
}

/* Rows [from, to): counts those that surely meet the budgets. Chosen are those that may (2 * row)
 * and, of those that surely do, the ones whose score may matter (2 * row + 1). Where `may_meet` is
 * given, only the uncertain are chosen, and it takes a bit for each row that may meet the budgets
 * and whose objective may matter; of the bytes it writes, only bits of these rows are of use. */
TARGET S_INLINE int64_t KERNEL(sieve_rows)(const flash_sieve *s, const flash_gate *g, int leaks,
                                           int n_plain, int valued, int64_t from, int64_t to,
                                           int32_t *chosen, int64_t *n_chosen, uint8_t *may_meet)
{
    int64_t count = 0;
    int32_t *next = chosen + *n_chosen;
    S_VEC sure = S_ALL(s->sure), need = S_ALL(g->need), zero = S_ALL(0);
    S_COLUMNS c;
    c.score = s->score;
    c.leaking = s->leaking;
    c.scale = s->scale;
    c.energy = s->energy;
    c.leaking0 = S_ALL(g->leaking);
    c.scale0 = S_ALL(g->scale);
    c.room_energy = S_ALL(g->room_energy);
    c.by_score = S_ALL(g->by_score);
    c.by_energy = S_ALL(g->by_energy);
    for (int k = 0; k < n_plain; k++) {
        c.plain[k] = s->plain[k];
        c.room[k] = S_ALL(g->room[k]);
        c.by[k] = S_ALL(g->by[k]);
    }
    /* two registers at a time: the bits of their rows are looked at together */
    int64_t i = from & -2 * (int64_t)S_LANES;
    uint64_t within = ~(uint64_t)0 << (from - i);
    for (; i < to; i += 2 * S_LANES) {
        uint64_t may = 0, does = 0, high = 0;
        if (i + 2 * S_LANES > to)
            within &= ~(uint64_t)0 >> (64 + i - to);
        for (int b = 0; b < 2; b++) {
            S_VEC value, slack;
            slack = KERNEL(slack_at)(&c, leaks, n_plain, valued, i + b * S_LANES, &value);
            may |= (uint64_t)S_AT_LEAST(slack, zero) << b * S_LANES;
            does |= (uint64_t)S_AT_LEAST(slack, sure) << b * S_LANES;
            high |= (uint64_t)S_AT_LEAST(value, need) << b * S_LANES;
        }
        may &= within;
        does &= within;
        within = ~(uint64_t)0;
        count += S_COUNT(does);
        uint64_t look = may & (high | ~does);
        if (valued) {
            for (int b = 0; b < S_LANES / 4; b++)
                may_meet[i / 8 + b] = (uint8_t)((may & high) >> 8 * b);
            look = may & ~does;
        }
        while (look) {
            int bit = S_FIRST(look);
            *next++ = (int32_t)(2 * (i + bit) + (does >> bit & 1));
            look &= look - 1;
        }
    }
    *n_chosen = next - chosen;
    return count;
}

TARGET static int64_t KERNEL(sieve)(const flash_sieve *s, const flash_gate *g, int64_t from,
                                    int64_t to, int32_t *chosen, int64_t *n_chosen,
                                    uint8_t *may_meet)
{
#define S_CASE(l, n)                                                                            \
    case 16 * l + n:                                                                            \
        return KERNEL(sieve_rows)(s, g, l, n, 0, from, to, chosen, n_chosen, NULL);             \
    case 16 * l + 8 + n:                                                                        \
        return KERNEL(sieve_rows)(s, g, l, n, 1, from, to, chosen, n_chosen, may_meet);
    switch (16 * (s->leaks != 0) + 8 * (may_meet != NULL) + g->n_plain) {
        S_CASE(0, 0)
        S_CASE(0, 1)
        S_CASE(0, 2)
        S_CASE(0, 3)
        S_CASE(0, 4)
        S_CASE(0, 5)
        S_CASE(0, 6)
        S_CASE(0, 7)
        S_CASE(1, 0)
        S_CASE(1, 1)
        S_CASE(1, 2)
        S_CASE(1, 3)
        S_CASE(1, 4)
        S_CASE(1, 5)
        S_CASE(1, 6)
    }
#undef S_CASE
    return 0;
}

/* Rows [from, to) of a column in fixed point, rounded down by so much that none is above what it
 * stands for; what exceeds `most` is `most`, which breaks any budget. */
TARGET static void KERNEL(mix_fixed)(const flash_mix *m, int64_t from, int64_t to, double most,
                                     int16_t *out)
{
    const double *restrict a = m->total[0], *restrict b = m->total[1], *restrict c = m->total[2];
    const double p = m->factor[0], q = m->factor[1], r = m->factor[2];
    const double offset = m->offset, per_unit = m->per_unit;
    for (int64_t i = from; i < to; i++) {
        double x = (a[i] * p + (b[i] * q + c[i] * r) - offset) * per_unit - SWEEP_LOWERED;
        x = x < most ? x : most;
        out[i] = (int16_t)(int32_t)(x > 0.0 ? x : 0.0);
    }
}

/* Rows [from, to) of a column as float32. */
TARGET static void KERNEL(mix_float)(const flash_mix *m, int64_t from, int64_t to, float *out)
{
    const double *restrict a = m->total[0], *restrict b = m->total[1], *restrict c = m->total[2];
    const double p = m->factor[0], q = m->factor[1], r = m->factor[2];
    const double offset = m->offset, per_unit = m->per_unit;
    for (int64_t i = from; i < to; i++)
        out[i] = (float)((a[i] * p + (b[i] * q + c[i] * r) - offset) * per_unit);
}

/* The metrics of rows [from, to), at most SWEEP_CHUNK in one class, added to the other cells'
 * totals: one metric after the other, as flash_metrics has them. */
TARGET static void KERNEL(measure)(const flash_links *links, const flash_class *of,
                                   const double *other, double *const *column, int64_t from,
                                   int64_t to, double *restrict metric)
{
    const flash_links l = *links; /* copies, which nothing that is written can change */
    const flash_class g = *of;
    const double *restrict rows[FLASH_COLUMNS];
    double own[FLASH_COLUMNS], x[FLASH_COLUMNS], m[FLASH_METRICS];
    for (int k = 0; k < FLASH_COLUMNS; k++) {
        own[k] = other[k];
        rows[k] = column[k] + from;
    }
    for (int64_t i = 0; i < to - from; i++) {
        double total[FLASH_COLUMNS];
        for (int k = 0; k < FLASH_COLUMNS; k++)
            total[k] = flash_joined(k, own[k], rows[k][i]);
        metric[M_SCORE * SWEEP_CHUNK + i] = l.quantum[M_SCORE] * total[COL_SCORE];
        metric[M_LATENCY * SWEEP_CHUNK + i] = flash_latency(&l, &g, total);
        metric[M_ENERGY * SWEEP_CHUNK + i] = flash_energy(&l, &g, total);
        metric[M_AREA * SWEEP_CHUNK + i] = flash_area(&l, &g, total);
        metric[M_PARAMS * SWEEP_CHUNK + i] = total[COL_PARAMS];
        metric[M_MACS * SWEEP_CHUNK + i] = total[COL_MACS];
    }
    if (l.log_macs == 0.0 && l.log_params == 0.0)
        return;
    for (int64_t i = 0; i < to - from; i++) { /* a score with logarithms */
        for (int k = 0; k < FLASH_COLUMNS; k++)
            x[k] = flash_joined(k, own[k], rows[k][i]);
        flash_metrics(links, x, m);
        metric[M_SCORE * SWEEP_CHUNK + i] = m[M_SCORE];
    }
}

/* log2 of x > 0 to SWEEP_LOG_ERROR: x = m * 2^k with m about 1, log2 m by a polynomial */
#define SWEEP_HALF 0x3f3504f3 /* sqrt(0.5) as the bits of a float32 */
#define SWEEP_SERIES(t)                                                                         \
    ((t) * (1.44176327f + (t) * (-0.72490097f + (t) * (0.5174591f + (t) * -0.32959777f))))

#ifdef FLASH_VECTORS
#ifndef SWEEP_FLOATS
#define SWEEP_FLOATS
typedef float flash_floats __attribute__((vector_size(64), may_alias));
typedef int32_t flash_sixteen __attribute__((vector_size(64), may_alias));
#endif
TARGET static inline __attribute__((always_inline)) flash_floats KERNEL(log_of)(flash_floats x)
{
    flash_sixteen bits = (flash_sixteen)x, k = (bits - SWEEP_HALF) >> 23;
    flash_floats t = (flash_floats)(bits - (k << 23)) - 1.0f;
    return __builtin_convertvector(k, flash_floats) + SWEEP_SERIES(t);
}

TARGET static inline __attribute__((always_inline)) uint32_t KERNEL(reach)(flash_floats value,
                                                                           float need)
{
    flash_sixteen hit = ~(value < need); /* also what is no number */
    uint32_t mask = 0;
#ifdef FLASH_X86
#if WIDTH == 8
    mask = (uint32_t)_mm512_movepi32_mask((__m512i)hit);
#else
    for (int p = 0; p < 4; p++)
        mask |= (uint32_t)_mm_movemask_ps(((__m128 *)&hit)[p]) << 4 * p;
#endif
#else
    for (int l = 0; l < 16; l++)
        mask |= (uint32_t)(hit[l] & 1) << l;
#endif
    return mask;
}

TARGET static inline __attribute__((always_inline)) flash_floats KERNEL(larger_peak)(flash_floats a,
                                                                               float b)
{
    flash_floats other = (flash_floats){0} + b;
    flash_sixteen more = a > other;
    return (flash_floats)(((flash_sixteen)a & more) | ((flash_sixteen)other & ~more));
}
#endif

TARGET static void KERNEL(sixteen_logs)(const float *x, float *out)
{
    for (int i = 0; i < SWEEP_LOGS; i++)
#ifdef FLASH_VECTORS
        out[i] = ((const float *)x)[i];
    *(flash_floats *)out = KERNEL(log_of)(*(const flash_floats *)out);
#else
        out[i] = log2f(x[i]);
#endif
}

/* Of the rows [from, to) that may meet the budgets, those whose objective may matter are chosen
 * (2 * row + 1). */
TARGET static void KERNEL(sieve_values)(const flash_values *v, const flash_level *g, int64_t from,
                                        int64_t to, const uint8_t *may_meet, int32_t *chosen,
                                        int64_t *n_chosen)
{
    int64_t n = *n_chosen;
    const float *p = v->power;
    for (int64_t i = from & -16; i < to; i += 16) {
        uint32_t may = may_meet[i / 8] | (uint32_t)may_meet[i / 8 + 1] << 8;
        if (i < from)
            may &= 0xffffu << (from - i);
        if (i + 16 > to)
            may &= 0xffffu >> (i + 16 - to);
        if (!may)
            continue;
#ifdef FLASH_VECTORS
#define S_TOTAL(name) (*(const flash_floats *)(v->name + i) + g->name)
#define S_LOG(x) KERNEL(log_of)(x)
#define S_PEAK KERNEL(larger_peak)(*(const flash_floats *)(v->peak + i), g->peak)
        flash_floats score, cost, value;
#else
        uint32_t reached = 0;
        for (int l = 0; l < 16; l++) {
            if (!(may >> l & 1))
                continue;
#define S_TOTAL(name) (v->name[i + l] + g->name)
#define S_LOG(x) log2f(x)
#define S_PEAK (v->peak[i + l] > g->peak ? v->peak[i + l] : g->peak)
            float score, cost, value;
#endif
        score = S_TOTAL(metric[M_SCORE]);
        value = score * v->linear;
        if (p[M_SCORE] != 0.0f)
            value += S_LOG(score) * p[M_SCORE];
        if (p[M_LATENCY] != 0.0f)
            value += S_LOG(S_TOTAL(metric[M_LATENCY])) * p[M_LATENCY];
        if (p[M_ENERGY] != 0.0f) {
            cost = S_TOTAL(metric[M_ENERGY]);
            if (v->leaks)
                cost += S_TOTAL(scale) * S_TOTAL(leaking);
            value += S_LOG(cost) * p[M_ENERGY];
        }
        if (p[M_AREA] != 0.0f)
            value += S_LOG(S_TOTAL(metric[M_AREA]) + S_PEAK) * p[M_AREA];
        for (int k = M_PARAMS; k <= M_MACS; k++)
            if (p[k] != 0.0f)
                value += S_LOG(S_TOTAL(metric[k])) * p[k];
#ifdef FLASH_VECTORS
        may &= KERNEL(reach)(value, g->need);
#else
            reached |= (uint32_t)!(value < g->need) << l;
        }
        may &= reached;
#endif
#undef S_TOTAL
#undef S_PEAK
#undef S_LOG
        while (may) {
            chosen[n++] = (int32_t)(2 * (i + S_FIRST(may)) + 1);
            may &= may - 1;
        }
    }
    *n_chosen = n;
}

#undef S_LANES
#undef S_VEC
#undef S_LOAD
#undef S_ALL
#undef S_ADD
#undef S_ADDS
#undef S_SUB
#undef S_SUBS
#undef S_MIN
#undef S_MULHI
#undef S_AT_LEAST
#undef S_INLINE
#undef S_COUNT
#undef S_FIRST
#undef S_COLUMNS
#undef SWEEP_HALF
#undef SWEEP_SERIES
