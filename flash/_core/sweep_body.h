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
#define S_COUNT(x) __builtin_popcount(x)
#define S_FIRST(x) __builtin_ctz(x)
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
static inline int S_COUNT(uint32_t x)
{
    int n = 0;
    for (; x; x &= x - 1)
        n++;
    return n;
}
static inline int S_FIRST(uint32_t x)
{
    int n = 0;
    for (; !(x & 1); x >>= 1)
        n++;
    return n;
}
#endif
#define S_AT(k) (at + (k) * SWEEP_STRIDE)
#define S_FULL ((uint32_t)(0xffffffffu >> (32 - S_LANES)))

/* Rows [from, to): counts those that surely meet the budgets. Chosen are those that may (2 * row)
 * and, of those that surely do, the ones whose score may matter (2 * row + 1). Where `may_meet` is
 * given, only the uncertain are chosen, and it takes a bit for each row that may meet the budgets
 * and whose objective may matter; of the bytes it writes, only bits of these rows are of use. */
TARGET S_INLINE int64_t KERNEL(sieve_rows)(const flash_sieve *s, const flash_gate *g, int linked,
                                           int n_plain, int valued, int64_t from, int64_t to,
                                           int32_t *chosen, int64_t *n_chosen, uint8_t *may_meet)
{
    int64_t count = 0, n = *n_chosen;
    S_VEC room[SWEEP_PLAIN], sure = S_ALL(s->sure), need = S_ALL(g->need), zero = S_ALL(0);
    S_VEC factor = S_ALL(g->latency_factor), power = S_ALL(g->energy_factor);
    S_VEC latency0 = S_ALL(g->latency), scale0 = S_ALL(g->scale);
    S_VEC room_l = S_ALL(g->room_latency), room_e = S_ALL(g->room_energy);
    S_VEC by_score = S_ALL(g->by_score), by_latency = S_ALL(g->by_latency);
    S_VEC by_energy = S_ALL(g->by_energy), by[SWEEP_PLAIN];
    for (int k = 0; k < n_plain; k++) {
        room[k] = S_ALL(g->room[k]);
        by[k] = S_ALL(g->by[k]);
    }
    const int16_t *at = s->column + (from & -(int64_t)S_LANES);
    uint32_t within = S_FULL << (from & (S_LANES - 1)) & S_FULL;
    for (int64_t i = from & -(int64_t)S_LANES; i < to; i += S_LANES, at += S_LANES) {
        S_VEC slack = S_ALL(SWEEP_FREE), value = S_LOAD(S_AT(S_SCORE));
        if (valued)
            value = S_MULHI(value, by_score);
        if (linked) {
            S_VEC latency = S_ADDS(S_LOAD(S_AT(S_LATENCY)),
                                   S_MULHI(S_LOAD(S_AT(S_LATENCY_SCALED)), factor));
            S_VEC energy = S_ADDS(S_LOAD(S_AT(S_ENERGY)),
                                  S_MULHI(S_LOAD(S_AT(S_ENERGY_SCALED)), power));
            energy = S_ADDS(energy, S_MULHI(S_ADDS(latency, latency0),
                                            S_ADD(S_LOAD(S_AT(S_SCALE)), scale0)));
            slack = S_MIN(S_SUB(room_l, latency), S_SUB(room_e, energy));
            if (valued) {
                value = S_SUBS(value, S_MULHI(latency, by_latency));
                value = S_SUBS(value, S_MULHI(energy, by_energy));
            }
        }
        for (int k = 0; k < n_plain; k++) {
            S_VEC used = S_LOAD(S_AT(S_PLAIN + k)), left = S_SUB(room[k], used);
            if (valued)
                value = S_SUBS(value, S_MULHI(used, by[k]));
            slack = k || linked ? S_MIN(slack, left) : left;
        }
        if (i + S_LANES > to)
            within &= S_FULL >> (i + S_LANES - to);
        uint32_t may = S_AT_LEAST(slack, zero) & within;
        uint32_t does = S_AT_LEAST(slack, sure) & within;
        uint32_t high = S_AT_LEAST(value, need), look = may & (high | ~does);
        within = S_FULL;
        count += S_COUNT(does);
        if (valued) {
            for (int b = 0; b < S_LANES / 8; b++)
                may_meet[i / 8 + b] = (uint8_t)((may & high) >> 8 * b);
            look = may & ~does;
        }
        while (look) {
            int bit = S_FIRST(look);
            chosen[n++] = (int32_t)(2 * (i + bit) + (does >> bit & 1));
            look &= look - 1;
        }
    }
    *n_chosen = n;
    return count;
}

TARGET static int64_t KERNEL(sieve)(const flash_sieve *s, const flash_gate *g, int64_t from,
                                    int64_t to, int32_t *chosen, int64_t *n_chosen, uint8_t *may_meet)
{
#define S_CASE(l, n)                                                                            \
    case 16 * l + n:                                                                            \
        return KERNEL(sieve_rows)(s, g, l, n, 0, from, to, chosen, n_chosen, NULL);             \
    case 16 * l + 8 + n:                                                                        \
        return KERNEL(sieve_rows)(s, g, l, n, 1, from, to, chosen, n_chosen, may_meet);
    switch (16 * (s->linked != 0) + 8 * (may_meet != NULL) + s->n_plain) {
        S_CASE(0, 0)
        S_CASE(0, 1)
        S_CASE(0, 2)
        S_CASE(0, 3)
        S_CASE(0, 4)
        S_CASE(0, 5)
        S_CASE(0, 6)
        S_CASE(1, 0)
        S_CASE(1, 1)
        S_CASE(1, 2)
        S_CASE(1, 3)
        S_CASE(1, 4)
    }
#undef S_CASE
    return 0;
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
#endif

TARGET static void KERNEL(sixteen_logs)(const float *x, float *out)
{
    for (int i = 0; i < 16; i++)
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
#define S_COLUMN(name) (*(const flash_floats *)(v->name + i))
#define S_LOG(x) KERNEL(log_of)(x)
        flash_floats
#else
        uint32_t reached = 0;
        for (int l = 0; l < 16; l++) {
            if (!(may >> l & 1))
                continue;
#define S_COLUMN(name) v->name[i + l]
#define S_LOG(x) log2f(x)
        float
#endif
            score = S_COLUMN(score) + g->score,
            latency = S_COLUMN(latency) + g->latency, energy = S_COLUMN(energy) + g->energy,
            value = score * v->linear;
        if (v->linked) {
            latency += S_COLUMN(latency_scaled) * g->latency_factor;
            energy += S_COLUMN(energy_scaled) * g->energy_factor
                      + (S_COLUMN(scale) + g->scale) * latency;
        }
        if (p[0] != 0.0f)
            value += S_LOG(score) * p[0];
        if (p[1] != 0.0f)
            value += S_LOG(latency) * p[1];
        if (p[2] != 0.0f)
            value += S_LOG(energy) * p[2];
        if (p[3] != 0.0f)
            value += S_LOG(S_COLUMN(area) + g->area) * p[3];
        if (p[4] != 0.0f)
            value += S_LOG(S_COLUMN(params) + g->params) * p[4];
        if (p[5] != 0.0f)
            value += S_LOG(S_COLUMN(macs) + g->macs) * p[5];
#ifdef FLASH_VECTORS
        may &= KERNEL(reach)(value, g->need);
#else
            reached |= (uint32_t)!(value < g->need) << l;
        }
        may &= reached;
#endif
#undef S_COLUMN
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
#undef S_AT
#undef S_FULL
#undef SWEEP_HALF
#undef SWEEP_SERIES
