/* Metrics of rows of choice indices where registers hold eight numbers: from a row's choices to its
 * cells' rows with one or two multiplications, and from tables to the columns without a stop in
 * between. Included once, see kernels.c. What the metrics mean is problem.h's flash_metrics: the
 * same operations in the same order, on eight configurations at a time. */

/* A row's choices as 16-bit numbers; wider ones beyond their range stay beyond it. */
TARGET static inline __attribute__((always_inline)) __m512i KERNEL(words)(
    const char *row, int kind, int width)
{
    const __mmask32 own = (__mmask32)((1ULL << width) - 1);
    __m256i half[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    switch (kind) {
    case -1:
        return _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(own, row));
    case 1:
        return _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(own, row));
    case -2:
    case 2:
        if (width <= 16)
            return _mm512_zextsi256_si512(_mm256_maskz_loadu_epi16((__mmask16)own, row));
        return _mm512_maskz_loadu_epi16(own, row);
    case -4:
        half[0] = _mm512_cvtsepi32_epi16(_mm512_maskz_loadu_epi32((__mmask16)own, row));
        if (width > 16)
            half[1] = _mm512_cvtsepi32_epi16(
                _mm512_maskz_loadu_epi32((__mmask16)(own >> 16), row + 64));
        break;
    default:
        half[0] = _mm256_zextsi128_si256(
            _mm512_cvtsepi64_epi16(_mm512_maskz_loadu_epi64((__mmask8)own, row)));
        if (width > 8)
            half[0] = _mm256_inserti128_si256(
                half[0],
                _mm512_cvtsepi64_epi16(
                    _mm512_maskz_loadu_epi64((__mmask8)(own >> 8), row + 64)),
                1);
        if (width > 16)
            half[1] = _mm256_zextsi128_si256(_mm512_cvtsepi64_epi16(
                _mm512_maskz_loadu_epi64((__mmask8)(own >> 16), row + 128)));
        if (width > 24)
            half[1] = _mm256_inserti128_si256(
                half[1],
                _mm512_cvtsepi64_epi16(
                    _mm512_maskz_loadu_epi64((__mmask8)(own >> 24), row + 192)),
                1);
    }
    if (width <= 16)
        return _mm512_zextsi256_si512(half[0]);
    return _mm512_inserti64x4(_mm512_zextsi256_si512(half[0]), half[1], 1);
}

/* Where the table rows of n configurations are; nonzero if a choice is out of range. */
TARGET static inline __attribute__((always_inline)) int KERNEL(places)(
    const flash_packed *p, const flash_reading *r, int kind, int pairs, int far, int64_t n,
    const char *row, int32_t *place)
{
    const int64_t stride = (int64_t)r->width * (kind < 0 ? -kind : kind);
    const __mmask32 own = (__mmask32)((1ULL << r->width) - 1);
    const __m512i limit = _mm512_loadu_si512(r->limit);
    const __m512i word0 = _mm512_loadu_si512(r->word[0]), word1 = _mm512_loadu_si512(r->word[1]);
    const __m512i times0 = _mm512_loadu_si512(r->times[0]);
    const __m512i times1 = _mm512_loadu_si512(r->times[1]);
    const __m128i shift = _mm_cvtsi32_si128(p->shift);
    __mmask32 bad = 0;
    for (int64_t i = 0; i < n; i++, row += stride) {
        __m512i words = KERNEL(words)(row, kind, r->width);
        __mmask32 fits = _mm512_mask_cmplt_epu16_mask(own, words, limit);
        bad |= fits ^ own;
        words = _mm512_maskz_mov_epi16(fits, words);
        __m512i number = _mm512_madd_epi16(_mm512_permutexvar_epi16(word0, words), times0);
        if (pairs > 1)
            number = _mm512_add_epi32(
                number, _mm512_madd_epi16(_mm512_permutexvar_epi16(word1, words), times1));
        int v = _mm_cvtsi128_si32(_mm512_extracti32x4_epi32(number, 2));
        const flash_places *part = p->part + v;
        __m256i rows = _mm512_castsi512_si256(number);
        __mmask8 held = _mm256_cmplt_epu32_mask(rows, _mm256_loadu_si256((void *)part->limit));
        rows = _mm256_maskz_add_epi32(held, _mm256_sll_epi32(rows, shift),
                                      _mm256_loadu_si256((void *)part->first));
        _mm256_store_si256((__m256i *)(place + 8 * i), rows);
        for (int c = 0; far && c < p->n_cells; c++)
            __builtin_prefetch(p->memory + place[8 * i + c]);
    }
    return bad != 0;
}

/* q[i][k] becomes q[k][i] */
TARGET static inline __attribute__((always_inline)) void KERNEL(turn_eight)(__m512d *q)
{
    __m512d even[4], odd[4], a, b;
    for (int k = 0; k < 4; k++) {
        even[k] = _mm512_unpacklo_pd(q[2 * k], q[2 * k + 1]);
        odd[k] = _mm512_unpackhi_pd(q[2 * k], q[2 * k + 1]);
    }
    for (int k = 0; k < 2; k++) {
        const __m512d *t = k ? odd : even;
        a = _mm512_shuffle_f64x2(t[0], t[1], 0x88);
        b = _mm512_shuffle_f64x2(t[2], t[3], 0x88);
        q[k] = _mm512_shuffle_f64x2(a, b, 0x88);
        q[k + 4] = _mm512_shuffle_f64x2(a, b, 0xdd);
        a = _mm512_shuffle_f64x2(t[0], t[1], 0xdd);
        b = _mm512_shuffle_f64x2(t[2], t[3], 0xdd);
        q[k + 2] = _mm512_shuffle_f64x2(a, b, 0x88);
        q[k + 6] = _mm512_shuffle_f64x2(a, b, 0xdd);
    }
}

/* Four numbers of each of eight configurations, side by side. */
TARGET static inline __attribute__((always_inline)) void KERNEL(turn_fours)(
    const double *const *from, __m512d *q)
{
    const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    __m512d z[4], even[2], odd[2];
    for (int u = 0; u < 4; u++)
        z[u] = _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(from[u])),
                                  _mm256_loadu_pd(from[u + 4]), 1);
    for (int k = 0; k < 2; k++) {
        even[k] = _mm512_unpacklo_pd(z[2 * k], z[2 * k + 1]);
        odd[k] = _mm512_unpackhi_pd(z[2 * k], z[2 * k + 1]);
    }
    q[0] = _mm512_permutex2var_pd(even[0], low, even[1]);
    q[1] = _mm512_permutex2var_pd(odd[0], low, odd[1]);
    q[2] = _mm512_permutex2var_pd(even[0], high, even[1]);
    q[3] = _mm512_permutex2var_pd(odd[0], high, odd[1]);
}

/* Eight configurations from configuration i on, of which `own` are there. */
TARGET static inline __attribute__((always_inline)) void KERNEL(eight)(
    const flash_packed *p, int wide, int cells, const int32_t *place, int64_t i, __mmask8 own,
    const flash_columns *to)
{
    const flash_links *l = p->links;
    const double *q = l->quantum;
    const __m512d zero = _mm512_setzero_pd();
    __m512d x[8], factor[4] = {zero, zero, zero, zero}, scale = zero;
    if (wide) {
        for (int u = 0; u < 8; u++)
            x[u] = _mm512_load_pd(p->memory + place[8 * u]);
        for (int c = 1; c < cells; c++)
            for (int u = 0; u < 8; u++)
                x[u] = _mm512_add_pd(x[u], _mm512_load_pd(p->memory + place[8 * u + c]));
        KERNEL(turn_eight)(x);
        __m512d whole = _mm512_roundscale_pd(_mm512_mul_pd(x[2], _mm512_set1_pd(p->unfold)), 1);
        scale = _mm512_sub_pd(x[2], _mm512_mul_pd(whole, _mm512_set1_pd(p->fold)));
        x[2] = whole;
    } else {
        const double *from[8];
        __m512d more[4];
        for (int c = 0; c < cells; c++) {
            for (int u = 0; u < 8; u++)
                from[u] = p->memory + place[8 * u + c];
            KERNEL(turn_fours)(from, c ? more : x);
            for (int k = 0; c && k < 4; k++)
                x[k] = _mm512_add_pd(x[k], more[k]);
        }
        for (int k = 4; k < 8; k++)
            x[k] = zero;
    }
    if (wide && l->n_steps) {
        int32_t s[8] __attribute__((aligned(32)));
        const double *from[8];
        _mm256_store_si256((__m256i *)s, _mm512_cvttpd_epi32(scale));
        if (!_mm512_cmp_pd_mask(scale, _mm512_set1_pd(PACK_DIRECT), _CMP_GE_OQ)) {
            for (int u = 0; u < 8; u++)
                from[u] = p->factor + 4 * p->class_at[s[u]];
        } else {
            double exact[8] __attribute__((aligned(64)));
            _mm512_store_pd(exact, scale);
            for (int u = 0; u < 8; u++) {
                int64_t at = (int64_t)exact[u];
                at = at < PACK_DIRECT ? at : PACK_DIRECT + (at >> p->coarse);
                from[u] = p->factor + 4 * p->class_at[at];
                from[u] += exact[u] > from[u][3] ? 4 : 0;
            }
        }
        KERNEL(turn_fours)(from, factor);
    }
    const __m512d q_latency = _mm512_set1_pd(q[M_LATENCY]), q_energy = _mm512_set1_pd(q[M_ENERGY]);
    __m512d latency = _mm512_add_pd(_mm512_mul_pd(q_latency, x[1]),
                                    _mm512_mul_pd(factor[0], _mm512_mul_pd(q_latency, x[4])));
    __m512d leaked = _mm512_mul_pd(_mm512_mul_pd(_mm512_set1_pd(l->leakage), scale), latency);
    __m512d energy = _mm512_add_pd(_mm512_mul_pd(q_energy, x[5]),
                                   _mm512_mul_pd(factor[1], _mm512_mul_pd(q_energy, x[6])));
    __m512d out[4] = {_mm512_mul_pd(_mm512_set1_pd(q[M_SCORE]), x[0]), latency,
                      _mm512_add_pd(energy, leaked),
                      _mm512_add_pd(_mm512_mul_pd(_mm512_set1_pd(q[M_AREA]), x[7]), factor[2])};
    for (int k = 0; k < 4; k++)
        if (to->metric[k])
            _mm512_mask_storeu_pd(to->metric[k] + i, own, out[k]);
    for (int k = 0; k < 2; k++)
        _mm512_mask_storeu_epi64(to->count[k] + i, own, _mm512_cvttpd_epi64(x[2 + k]));
}

TARGET static inline __attribute__((always_inline)) int64_t KERNEL(choices_of)(
    const flash_packed *p, const flash_reading *r, int kind, const void *choices, int64_t first,
    int64_t last, const flash_columns *to)
{
    int32_t place[8 * (PACK_BLOCK + 8)] __attribute__((aligned(64)));
    const int64_t size = (int64_t)r->width * (kind < 0 ? -kind : kind);
    memset(place, 0, sizeof place); /* the last group may lack some */
    for (int64_t i = first; i < last;) {
        /* to where a column's cache line starts, then block by block */
        int64_t ahead = -((int64_t)((uintptr_t)(to->count[0] + i) >> 3)) & 7;
        int64_t m = ahead ? ahead : PACK_BLOCK;
        m = m < last - i ? m : last - i;
        const char *row = (const char *)choices + i * size;
        if (r->pairs == 1 ? KERNEL(places)(p, r, kind, 1, p->far, m, row, place)
                          : KERNEL(places)(p, r, kind, 2, p->far, m, row, place))
            return i;
        for (int64_t j = 0; j < m; j += 8) {
            const __mmask8 own = (__mmask8)(m - j < 8 ? (1 << (m - j)) - 1 : 255);
            if (p->shift == 2)
                KERNEL(eight)(p, 0, p->n_cells, place + 8 * j, i + j, own, to);
            else if (p->n_cells == 3)
                KERNEL(eight)(p, 1, 3, place + 8 * j, i + j, own, to);
            else
                KERNEL(eight)(p, 1, p->n_cells, place + 8 * j, i + j, own, to);
        }
        i += m;
    }
    return -1;
}

TARGET static int64_t KERNEL(from_choices)(const flash_packed *p, const flash_reading *r,
                                           const void *choices, int64_t first, int64_t last,
                                           const flash_columns *to)
{
    switch (r->kind) {
    case -1:
        return KERNEL(choices_of)(p, r, -1, choices, first, last, to);
    case 1:
        return KERNEL(choices_of)(p, r, 1, choices, first, last, to);
    case -2:
    case 2:
        return KERNEL(choices_of)(p, r, 2, choices, first, last, to);
    case -4:
        return KERNEL(choices_of)(p, r, -4, choices, first, last, to);
    default:
        return KERNEL(choices_of)(p, r, -8, choices, first, last, to);
    }
}
