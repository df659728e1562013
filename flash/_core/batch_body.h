/* Metrics of many configurations from packed tables, compiled once per instruction set (see
 * kernels.c). What they mean is problem.h's flash_metrics: the same operations in the same order,
 * on four configurations at a time where registers hold four numbers. */

#ifdef QUADS
#define QUAD_DOWN(x) /* floor of |x| < 2^51 */                                                  \
    ({                                                                                          \
        flash_quad t_ = ((x) + 6755399441055744.0) - 6755399441055744.0;                        \
        t_ - (flash_quad)((flash_quad_longs)(t_ > (x)) & (flash_quad_longs)QUAD_ALL(1.0));      \
    })

/* q[i][k] becomes q[k][i] */
TARGET static inline __attribute__((always_inline)) void KERNEL(turn)(flash_quad *q)
{
    flash_quad a = QUAD_MIX(q[0], q[1], 0, 4, 2, 6), b = QUAD_MIX(q[0], q[1], 1, 5, 3, 7);
    flash_quad c = QUAD_MIX(q[2], q[3], 0, 4, 2, 6), d = QUAD_MIX(q[2], q[3], 1, 5, 3, 7);
    q[0] = QUAD_MIX(a, c, 0, 1, 4, 5);
    q[1] = QUAD_MIX(b, d, 0, 1, 4, 5);
    q[2] = QUAD_MIX(a, c, 2, 3, 6, 7);
    q[3] = QUAD_MIX(b, d, 2, 3, 6, 7);
}

/* Where the rows of up to PACK_BLOCK configurations are; nonzero if any is out of range. */
TARGET static inline __attribute__((always_inline)) int KERNEL(locate)(
    const flash_packed *p, int chunks, int far, int64_t n, const int32_t *variant,
    const int32_t *row, int64_t width, int32_t *place)
{
    flash_ints bad = {0};
    int wrong = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t v = (uint32_t)variant[i];
        wrong |= v >= (uint32_t)p->n_variants;
        v = v < (uint32_t)p->n_variants ? v : 0;
        for (int j = 0; j < chunks; j++) {
            const flash_places *part = p->part + v * chunks + j;
            flash_uints r = *(const flash_loose_uints *)(row + i * width + 8 * j);
            flash_ints fits = (flash_ints)(r < *(const flash_loose_uints *)part->limit);
            bad |= ~fits & *(const flash_loose_ints *)part->need;
            *(flash_loose_ints *)(place + (i * chunks + j) * 8)
                = fits & ((flash_ints)(r << p->shift) + *(const flash_loose_ints *)part->first);
            for (int c = 8 * j; far && c < p->n_cells && c < 8 * (j + 1); c++)
                __builtin_prefetch(p->memory + place[i * chunks * 8 + c]);
        }
    }
    for (int j = 0; j < 8; j++)
        wrong |= bad[j];
    return wrong;
}

TARGET static inline __attribute__((always_inline)) void KERNEL(metrics)(
    const flash_packed *p, int stride, int cells, int chunks, int64_t n, const int32_t *place,
    int64_t plane, double *out)
{
    const flash_links *l = p->links;
    const double *q = l->quantum;
    for (int64_t i = 0; i < n; i += 4) {
        flash_quad low[4], high[4];
        for (int u = 0; u < 4; u++)
            low[u] = high[u] = QUAD_ALL(0.0);
        for (int c = 0; c < cells; c++)
            for (int u = 0; u < 4; u++) {
                const double *line = p->memory + place[(i + u) * chunks * 8 + c];
                low[u] += *(const flash_quad *)line;
                if (stride == 8)
                    high[u] += *(const flash_quad *)(line + 4);
            }
        KERNEL(turn)(low);
        if (stride == 8)
            KERNEL(turn)(high);
        flash_quad factor[4], params = low[2], scale = QUAD_ALL(0.0);
        for (int u = 0; u < 4; u++)
            factor[u] = QUAD_ALL(0.0);
        if (stride == 8) {
            flash_quad whole = QUAD_DOWN(params * p->unfold);
            scale = params - whole * p->fold;
            params = whole;
        }
        if (stride == 8 && l->n_steps) {
            for (int u = 0; u < 4; u++) {
                int64_t s = (int64_t)scale[u];
                int64_t at = s < PACK_DIRECT ? s : PACK_DIRECT + (s >> p->coarse);
                const double *f = p->factor + 4 * p->class_at[at];
                f += scale[u] > f[3] ? 4 : 0;
                factor[u] = *(const flash_quad *)f;
            }
            KERNEL(turn)(factor);
        }
        flash_quad latency = q[M_LATENCY] * low[1] + factor[0] * (q[M_LATENCY] * high[0]);
        *(flash_quad *)(out + i) = q[M_SCORE] * low[0];
        *(flash_quad *)(out + plane + i) = latency;
        *(flash_quad *)(out + 2 * plane + i)
            = (q[M_ENERGY] * high[1] + factor[1] * (q[M_ENERGY] * high[2]))
              + (l->leakage * scale) * latency;
        *(flash_quad *)(out + 3 * plane + i) = q[M_AREA] * high[3] + factor[2];
        *(flash_quad *)(out + 4 * plane + i) = params;
        *(flash_quad *)(out + 5 * plane + i) = low[3];
    }
}

TARGET static int KERNEL(from_tables)(const flash_packed *p, int64_t n, const int32_t *variant,
                                      const int32_t *row, int64_t width, int64_t plane,
                                      double *out)
{
    int32_t place[PACK_BLOCK * FLASH_MAX_CELLS] __attribute__((aligned(64)));
    const int chunks = (p->n_cells + 7) / 8;
    int wrong = 0;
    memset(place, 0, PACK_BLOCK * chunks * 8 * sizeof(*place)); /* the last group may lack some */
    for (int64_t i = 0; i < n; i += PACK_BLOCK) {
        int64_t m = n - i < PACK_BLOCK ? n - i : PACK_BLOCK;
        const int32_t *v = variant + i, *r = row + i * width;
        if (chunks == 1 && !p->far)
            wrong |= KERNEL(locate)(p, 1, 0, m, v, r, width, place);
        else
            wrong |= KERNEL(locate)(p, chunks, p->far, m, v, r, width, place);
        if (p->shift == 2)
            KERNEL(metrics)(p, 4, p->n_cells, chunks, m, place, plane, out + i);
        else if (chunks == 1)
            KERNEL(metrics)(p, 8, p->n_cells, 1, m, place, plane, out + i);
        else
            KERNEL(metrics)(p, 8, p->n_cells, chunks, m, place, plane, out + i);
    }
    return wrong;
}
#undef QUAD_DOWN
#else

/* One after another, stride numbers a row. */
static inline int KERNEL(metrics)(const flash_packed *p, int stride, int64_t n,
                                  const int32_t *variant, const int32_t *row, int64_t width,
                                  int64_t plane, double *out)
{
    const flash_links *l = p->links;
    const double *q = l->quantum;
    const int chunks = (p->n_cells + 7) / 8;
    int wrong = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t v = (uint32_t)variant[i] < (uint32_t)p->n_variants ? (uint32_t)variant[i] : 0;
        double x[8] = {0.0}, f[4] = {0.0}, scale = 0.0;
        wrong |= v != (uint32_t)variant[i];
        for (int c = 0; c < p->n_cells; c++) {
            const flash_places *part = p->part + v * chunks + c / 8;
            uint32_t r = (uint32_t)row[i * width + c];
            int fits = r < part->limit[c % 8];
            wrong |= !fits & (part->need[c % 8] != 0);
            const double *line = p->memory;
            line += fits ? (int64_t)part->first[c % 8] + ((int64_t)r << p->shift) : 0;
            for (int k = 0; k < stride; k++)
                x[k] += line[k];
        }
        if (stride == 8) {
            double whole = (double)(int64_t)(x[2] * p->unfold);
            scale = x[2] - whole * p->fold;
            x[2] = whole;
        }
        if (stride == 8 && l->n_steps) {
            int64_t s = (int64_t)scale;
            const double *from
                = p->factor + 4 * p->class_at[s < PACK_DIRECT ? s : PACK_DIRECT + (s >> p->coarse)];
            from += scale > from[3] ? 4 : 0;
            for (int k = 0; k < 4; k++)
                f[k] = from[k];
        }
        double latency = q[M_LATENCY] * x[1] + f[0] * (q[M_LATENCY] * x[4]);
        out[i] = q[M_SCORE] * x[0];
        out[plane + i] = latency;
        out[2 * plane + i] = (q[M_ENERGY] * x[5] + f[1] * (q[M_ENERGY] * x[6]))
                             + (l->leakage * scale) * latency;
        out[3 * plane + i] = q[M_AREA] * x[7] + f[2];
        out[4 * plane + i] = x[2];
        out[5 * plane + i] = x[3];
    }
    return wrong;
}

static int KERNEL(from_tables)(const flash_packed *p, int64_t n, const int32_t *variant,
                               const int32_t *row, int64_t width, int64_t plane, double *out)
{
    return p->shift == 2 ? KERNEL(metrics)(p, 4, n, variant, row, width, plane, out)
                         : KERNEL(metrics)(p, 8, n, variant, row, width, plane, out);
}
#endif
