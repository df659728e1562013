/* Included once for each type, with these defined and undefined again: PAIR_KIND, PAIR (of the
 * function and of its name), REAL, MASK, OF (what there is of the candidates), MOST, CHOICE.
 *
 * Whether one sum of rows is surely no worse than others whatever the cells bring that are still
 * missing: for one candidate, and, in vectors, for several (REAL, MASK). `at`: the first of them.
 * With less of the scale the class is no higher, so the candidates' classes, from `least` on and up
 * to `most`, bound both. Between two ends what depends on them is linear. Better: in a goal, by
 * more than rounding. other: worse in nothing, and less in some column. */
PAIR_KIND MASK PAIR(surely)(const flash_stage *s, const double *a, const double *key,
                            const flash_lanes *b, const flash_factors *least,
                            const flash_factors *most, int at, MASK *better, MASK *other)
{
    const flash_links *l = s->links;
    const double ms = l->quantum[M_LATENCY], mj = l->quantum[M_ENERGY];
    const double *margin = s->margin;
    const REAL scale = a[COL_SCALE] - OF(b->total[COL_SCALE]);
    const REAL in = a[COL_LATENCY_IN] - OF(b->total[COL_LATENCY_IN]);
    const REAL out = a[COL_LATENCY_OUT] - OF(b->total[COL_LATENCY_OUT]);
    MASK pass = scale <= 0.0, won = scale > scale, less = scale < 0.0, far, none;
    if (s->corners) {
        none = scale == scale;
        for (int d = 0; d < s->corners; d++)
            none &= key[d * FLASH_POINTS] <= OF(b->key[d]);
        pass &= none;
        if (s->goals >> M_SCORE & 1)
            won |= none;
    } else if (s->counts >> M_SCORE & 1) {
        REAL d = OF(b->total[COL_SCORE]) - a[COL_SCORE];
        pass &= d <= 0.0;
        less |= d < 0.0;
        if (s->goals >> M_SCORE & 1)
            won |= l->quantum[M_SCORE] * d < -margin[M_SCORE];
    }
    if (s->counts >> M_LATENCY & 1) {
        REAL d = a[COL_LATENCY] - OF(b->total[COL_LATENCY]);
        REAL sum = ms * (d + (MOST(OF(least->latency_in) * in, OF(most->latency_in) * in)
                              + MOST(OF(least->latency_out) * out, OF(most->latency_out) * out)));
        far = sum < -margin[M_LATENCY];
        pass &= far | ((d <= 0.0) & (in <= 0.0) & (out <= 0.0));
        less |= (d < 0.0) | (in < 0.0) | (out < 0.0);
        if (s->goals >> M_LATENCY & 1)
            won |= far;
    }
    if (s->counts >> M_ENERGY & 1) {
        REAL d = a[COL_ENERGY] - OF(b->total[COL_ENERGY]);
        REAL into = a[COL_ENERGY_IN] - OF(b->total[COL_ENERGY_IN]);
        REAL from = a[COL_ENERGY_OUT] - OF(b->total[COL_ENERGY_OUT]);
        REAL sum = mj * (d + (MOST(OF(least->energy_in) * into, OF(most->energy_in) * into)
                              + MOST(OF(least->energy_out) * from, OF(most->energy_out) * from)));
        none = (d <= 0.0) & (into <= 0.0) & (from <= 0.0);
        less |= (d < 0.0) | (into < 0.0) | (from < 0.0);
        if (l->leakage > 0.0) {
            /* scale and time of a less scale and time of b: the scale of b times the difference of
             * times, and the difference of scales times the time of a */
            REAL leak = a[COL_LEAK] - OF(b->total[COL_LEAK]);
            REAL leak_in = a[COL_LEAK_IN] - OF(b->total[COL_LEAK_IN]);
            REAL time = ms * (leak + (MOST(OF(least->latency_in) * leak_in,
                                           OF(most->latency_in) * leak_in)
                                      + MOST(OF(least->leak_out) * out, OF(most->leak_out) * out)));
            REAL own = ms * ((a[COL_LEAK] + s->low[COL_LEAK])
                             + (OF(least->latency_in) * (a[COL_LEAK_IN] + s->low[COL_LEAK_IN])
                                + OF(least->leak_out)
                                      * (a[COL_LATENCY_OUT] + s->low[COL_LATENCY_OUT])));
            REAL low = OF(b->total[COL_SCALE]) + s->low[COL_SCALE];
            REAL high = OF(b->total[COL_SCALE]) + s->high[COL_SCALE];
            sum += l->leakage * (MOST(low * time, high * time) + scale * own);
            none &= (leak <= 0.0) & (leak_in <= 0.0) & (out <= 0.0);
            less |= (leak < 0.0) | (leak_in < 0.0) | (out < 0.0);
        }
        far = sum < -margin[M_ENERGY];
        pass &= far | none;
        if (s->goals >> M_ENERGY & 1)
            won |= far;
    }
    if (s->counts >> M_AREA & 1) {
        REAL d = a[COL_AREA] - OF(b->total[COL_AREA]), there = OF(b->total[COL_PEAK]);
        REAL zero = there - there, here = zero + a[COL_PEAK];
        /* a smaller peak may be hidden by the others', a larger one counts above the least */
        REAL rest = CHOICE(here > there, zero + s->low[COL_PEAK], zero + s->high[COL_PEAK]);
        REAL peak = MOST(here, rest) - MOST(there, rest);
        far = l->quantum[M_AREA] * (d + peak) + l->area_per_scale * scale < -margin[M_AREA];
        pass &= far | ((d <= 0.0) & (peak <= 0.0));
        less |= (d < 0.0) | (here < there);
        if (s->goals >> M_AREA & 1)
            won |= far;
    }
    for (int m = M_PARAMS; m <= M_MACS; m++)
        if (s->counts >> m & 1) {
            REAL d = a[m - M_PARAMS + COL_PARAMS] - OF(b->total[m - M_PARAMS + COL_PARAMS]);
            pass &= d <= 0.0;
            less |= d < 0.0;
            if (s->goals >> m & 1)
                won |= d < 0.0;
        }
    *better = won;
    *other = less;
    return pass;
}
#undef PAIR_KIND
#undef PAIR
#undef REAL
#undef MASK
#undef OF
#undef MOST
#undef CHOICE
