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
    const flash_packed *p, const flash_reading *r, int kind, int pairs, int64_t n,
    const char *row, int32_t *place)
{
    const int64_t stride = (int64_t)r->width * (kind < 0 ? -kind : kind);
    const __m512i last = _mm512_sub_epi16(_mm512_loadu_si512(r->limit), _mm512_set1_epi16(1));
    const __m512i word0 = _mm512_loadu_si512(r->word[0]), word1 = _mm512_loadu_si512(r->word[1]);
    const __m512i times0 = _mm512_loadu_si512(r->times[0]);
    const __m512i times1 = _mm512_loadu_si512(r->times[1]);
    const __m128i shift = _mm_cvtsi32_si128(p->shift);
    __m512i beyond = _mm512_setzero_si512();
    for (int64_t i = 0; i < n; i++, row += stride) {
        __m512i words = KERNEL(words)(row, kind, r->width);
        beyond = _mm512_or_si512(beyond, _mm512_subs_epu16(words, last));
        __m512i number = _mm512_madd_epi16(_mm512_permutexvar_epi16(word0, words), times0);
        if (pairs > 1)
            number = _mm512_add_epi32(
                number, _mm512_madd_epi16(_mm512_permutexvar_epi16(word1, words), times1));
        uint32_t v = (uint32_t)_mm_cvtsi128_si32(_mm512_extracti32x4_epi32(number, 2));
        const flash_places *part = p->part + (v < (uint32_t)p->n_variants ? v : 0);
        __m256i rows = _mm512_castsi512_si256(number);
        __mmask8 held = _mm256_cmplt_epu32_mask(rows, _mm256_loadu_si256((void *)part->limit));
        rows = _mm256_maskz_add_epi32(held, _mm256_sll_epi32(rows, shift),
                                      _mm256_loadu_si256((void *)part->first));
        _mm256_store_si256((__m256i *)(place + 8 * i), rows);
    }
    return _mm512_test_epi16_mask(beyond, beyond) != 0;
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

/* Four numbers of one configuration, and of another. */
TARGET static inline __attribute__((always_inline)) __m512d KERNEL(pair)(const double *a,
                                                                         const double *b)
{
    return _mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(a)), _mm256_loadu_pd(b), 1);
}

/* Of configurations u and u + 4 in z[u]: number by number. */
TARGET static inline __attribute__((always_inline)) void KERNEL(turn_pairs)(const __m512d *z,
                                                                            __m512d *q)
{
    const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    __m512d even[2], odd[2];
    for (int k = 0; k < 2; k++) {
        even[k] = _mm512_unpacklo_pd(z[2 * k], z[2 * k + 1]);
        odd[k] = _mm512_unpackhi_pd(z[2 * k], z[2 * k + 1]);
    }
    q[0] = _mm512_permutex2var_pd(even[0], low, even[1]);
    q[1] = _mm512_permutex2var_pd(odd[0], low, odd[1]);
    q[2] = _mm512_permutex2var_pd(even[0], high, even[1]);
    q[3] = _mm512_permutex2var_pd(odd[0], high, odd[1]);
}

/* Eight numbers of eight configurations, from their rows' number `from` on. */
TARGET static inline __attribute__((always_inline)) void KERNEL(add_eight)(
    const flash_packed *p, int from, int folded, int peak, int cells, const int32_t *place,
    __m512d *q)
{
    const __m512i summed = _mm512_loadu_si512(p->summed);
    for (int first = 0; first < 8; first += 4) {
        __m512i sum[4], most[4];
        for (int u = 0; u < 4; u++)
            sum[u] = most[u] = _mm512_load_si512(p->memory + place[8 * (first + u)] + from);
        for (int c = 1; c < cells; c++)
            for (int u = 0; u < 4; u++) {
                __m512i own = _mm512_load_si512(p->memory + place[8 * (first + u) + c] + from);
                sum[u] = folded ? _mm512_add_epi64(sum[u], own)
                                : (__m512i)((__m512d)sum[u] + (__m512d)own);
                if (peak)
                    most[u] = _mm512_max_epi64(most[u], own);
            }
        for (int u = 0; u < 4; u++)
            q[first + u] = (__m512d)(
                peak ? _mm512_ternarylogic_epi64(summed, sum[u], most[u], 0xca) : sum[u]);
    }
    KERNEL(turn_eight)(q);
}

/* What the rows of eight configurations add up to, number by number. */
TARGET static inline __attribute__((always_inline)) void KERNEL(add_up_eight)(
    const flash_packed *p, int layout, int cells, const int32_t *place, __m512d *y)
{
    if (layout != PACK_FEW) {
        KERNEL(add_eight)(p, 0, layout == PACK_FOLDED, layout == PACK_FOLDED, cells, place, y);
        if (layout == PACK_WIDE)
            KERNEL(add_eight)(p, 8, 0, 1, cells, place, y + 8);
        return;
    }
    __m512d z[4] = {0};
    for (int c = 0; c < cells; c++)
        for (int u = 0; u < 4; u++)
            z[u] += KERNEL(pair)(p->memory + place[8 * u + c], p->memory + place[8 * (u + 4) + c]);
    KERNEL(turn_pairs)(z, y);
}

/* The numbers of the classes of eight scales. */
TARGET static inline __attribute__((always_inline)) void KERNEL(classes)(
    const flash_packed *p, __m512d scale, __m512d *g)
{
    const double *from[8];
    if (!_mm512_cmp_pd_mask(scale, _mm512_set1_pd(PACK_DIRECT), _CMP_GE_OQ)) {
        uint32_t s[8] __attribute__((aligned(32)));
        _mm256_store_si256((__m256i *)s, _mm512_cvttpd_epu32(scale));
        for (int u = 0; u < 8; u++)
            from[u] = &p->links->of[p->class_at[s[u]]].latency_in;
    } else {
        for (int u = 0; u < 8; u++)
            from[u] = flash_packed_class(p, scale[u]);
    }
    for (int k = 0; k < 8; k += 4) {
        __m512d z[4];
        for (int u = 0; u < 4; u++)
            z[u] = KERNEL(pair)(from[u] + k, from[u + 4] + k);
        KERNEL(turn_pairs)(z, g + k);
    }
}

#define EIGHT_DOUBLE(x) _mm512_cvtepu64_pd((__m512i)(x))
/* Of these totals the columns from configuration i on, of which `own` are there. */
TARGET static inline __attribute__((always_inline)) void KERNEL(eight)(
    const flash_packed *p, int layout, const __m512d *y, int64_t i, __mmask8 own,
    const flash_columns *to)
{
    const flash_links *l = p->links;
    __m512d x[FLASH_COLUMNS], g[8], m[FLASH_METRICS];
    for (int k = 0; k < FLASH_COLUMNS; k++)
        x[k] = g[k % 8] = _mm512_setzero_pd();
    if (layout == PACK_FOLDED) {
        const flash_ulongs *folded = (const flash_ulongs *)y;
        BATCH_UNFOLD(flash_ulongs, p, folded, EIGHT_DOUBLE, x);
    } else if (layout == PACK_WIDE) {
        for (int k = 0; k < FLASH_COLUMNS; k++)
            x[k] = y[k];
    } else {
        BATCH_PLAIN(p, layout == PACK_PLAIN, y, x);
    }
    if (layout == PACK_FOLDED || (layout == PACK_WIDE && l->n_steps))
        KERNEL(classes)(p, x[COL_SCALE], g);
    BATCH_METRICS(__m512d, layout, l, x, g, m);
    for (int k = 0; k < FLASH_METRICS; k++)
        if (to->metric[k])
            _mm512_mask_storeu_pd(to->metric[k] + i, own, m[k]);
    for (int k = 0; k < 2; k++)
        if (to->count[k])
            _mm512_mask_storeu_epi64(to->count[k] + i, own, _mm512_cvttpd_epi64(m[M_PARAMS + k]));
}
#undef EIGHT_DOUBLE

TARGET static inline __attribute__((always_inline)) void KERNEL(block_of)(
    const flash_packed *p, int layout, int cells, int64_t n, const int32_t *place,
    const int32_t *next, int64_t i, const flash_columns *to)
{
    __m512d y[PACK_BLOCK / 8][PACK_LONGEST];
    for (int64_t j = 0; j < n; j += 8) {
        for (int u = 0; next && u < 8; u++)
            for (int c = 0; c < cells; c++) {
                const double *line = p->memory + next[8 * (j + u) + c];
                __builtin_prefetch(line, 0, 2);
                if (layout == PACK_WIDE)
                    __builtin_prefetch(line + 8, 0, 2);
            }
        KERNEL(add_up_eight)(p, layout, cells, place + 8 * j, y[j / 8]);
    }
    for (int64_t j = 0; j < n; j += 8) {
        const __mmask8 own = (__mmask8)(n - j < 8 ? (1 << (n - j)) - 1 : 255);
        KERNEL(eight)(p, layout, y[j / 8], i + j, own, to);
    }
}

/* A block of n configurations from the i-th on. The rows of the next one, if it is given, are
 * fetched meanwhile: to the second cache, for they would fill the first. */
TARGET static void KERNEL(block)(const flash_packed *p, int64_t n, const int32_t *place,
                                 const int32_t *next, int64_t i, const flash_columns *to)
{
    if (!p->far)
        next = NULL;
#define FIXED(layout, cells) KERNEL(block_of)(p, layout, cells, n, place, next, i, to)
    if (p->layout == PACK_FEW)
        FIXED(PACK_FEW, p->n_cells);
    else if (p->layout == PACK_WIDE)
        FIXED(PACK_WIDE, p->n_cells);
    else if (p->layout == PACK_PLAIN && p->n_cells == 3)
        FIXED(PACK_PLAIN, 3);
    else if (p->layout == PACK_PLAIN)
        FIXED(PACK_PLAIN, p->n_cells);
    else if (p->n_cells == 2)
        FIXED(PACK_FOLDED, 2);
    else if (p->n_cells == 3)
        FIXED(PACK_FOLDED, 3);
    else if (p->n_cells == 4)
        FIXED(PACK_FOLDED, 4);
    else if (p->n_cells == 7)
        FIXED(PACK_FOLDED, 7);
    else
        FIXED(PACK_FOLDED, p->n_cells);
#undef FIXED
}

TARGET static inline __attribute__((always_inline)) int64_t KERNEL(choices_of)(
    const flash_packed *p, const flash_reading *r, int kind, const void *choices, int64_t first,
    int64_t last, const flash_columns *to)
{
    int32_t room[2][PLACES_CELLS * PACK_BLOCK] __attribute__((aligned(64)));
    const int64_t size = (int64_t)r->width * (kind < 0 ? -kind : kind);
    int64_t i = first, n = 0;
    memset(room, 0, sizeof room); /* the last group may lack some */
    for (int b = 0;; b = !b) {
        /* to where a column's cache line starts, then block by block; each is located before the
         * one in front of it is worked on */
        const int64_t next = i + n;
        int64_t m = -((int64_t)((uintptr_t)(to->count[0] + next) >> 3)) & 7;
        m = m ? m : PACK_BLOCK;
        m = m < last - next ? m : last - next;
        const char *row = (const char *)choices + next * size;
        if (r->pairs == 1 ? KERNEL(places)(p, r, kind, 1, m, row, room[b])
                          : KERNEL(places)(p, r, kind, 2, m, row, room[b]))
            return i;
        if (n)
            KERNEL(block)(p, n, room[!b], m ? room[b] : NULL, i, to);
        if (!m)
            return -1;
        i = next;
        n = m;
    }
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

TARGET static int KERNEL(from_tables)(const flash_packed *p, int64_t n, const int32_t *variant,
                                      const int32_t *row, int64_t width, int64_t plane,
                                      double *out)
{
    int32_t room[2][PLACES_CELLS * PACK_BLOCK] __attribute__((aligned(64)));
    flash_columns to = {{NULL}, {NULL, NULL}};
    int wrong = 0;
    if (p->n_cells > PLACES_CELLS || p->layout == PACK_FEW || p->layout == PACK_PLAIN)
        return KERNEL(by_some)(p, n, variant, row, width, plane, out);
    for (int k = 0; k < FLASH_METRICS; k++)
        to.metric[k] = out + k * plane;
    memset(room, 0, sizeof room);
    for (int64_t i = 0, m = 0, b = 0;; b = !b) {
        const int64_t next = i + m, left = n - next < PACK_BLOCK ? n - next : PACK_BLOCK;
        wrong |= KERNEL(locate)(p, 1, left, variant + next, row + next * width, width, room[b]);
        if (m)
            KERNEL(block)(p, m, room[!b], left ? room[b] : NULL, i, &to);
        if (!left)
            return wrong;
        i = next;
        m = left;
    }
}
