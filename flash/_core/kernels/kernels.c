/* Instances of the kernels (*_body.h) and the choice among them. `target_clones` would need ifunc,
 * which neither macOS, musl nor Windows has: one table of pointers serves all. FMA contraction is
 * off in every build (-ffp-contract=off), so that all variants round alike. */
#include "kernels.h"

#include <math.h>
#include <string.h>

#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(__clang__))
#define FLASH_X86 1
#include <immintrin.h>
#endif

#if (defined(__GNUC__) || defined(__clang__)) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FLASH_VECTORS 1
#define LANES 8
typedef double flash_doubles __attribute__((vector_size(64)));
typedef double flash_loose __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t flash_longs __attribute__((vector_size(64)));
typedef double flash_quad __attribute__((vector_size(32), may_alias));
typedef int64_t flash_quad_longs __attribute__((vector_size(32)));
typedef int32_t flash_ints __attribute__((vector_size(32)));
typedef uint32_t flash_uints __attribute__((vector_size(32)));
typedef int32_t flash_loose_ints __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t flash_loose_uints __attribute__((vector_size(32), aligned(4), may_alias));
#define QUAD_ALL(x) ((flash_quad){x, x, x, x})
#ifdef __clang__
#define QUAD_MIX(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define QUAD_MIX(a, b, i, j, k, l) __builtin_shuffle(a, b, (flash_quad_longs){i, j, k, l})
#endif
typedef int8_t flash_bytes __attribute__((vector_size(8)));
/* one bit for each lane of a comparison that holds: bit 8 * lane */
#define FLASH_HITS(mask)                                                                        \
    ((uint64_t)__builtin_convertvector((mask), flash_bytes) & 0x0101010101010101ULL)
#define FLASH_CHOOSE(mask, i, chosen, count)                                                    \
    for (uint64_t hits = FLASH_HITS(mask); hits; hits &= hits - 1)                              \
    (chosen)[(count)++] = (int32_t)((i) + (__builtin_ctzll(hits) >> 3))
#define FLASH_ALL(x) ((flash_doubles){x, x, x, x, x, x, x, x})
#define FLASH_SELECT(mask, a, b)                                                                \
    ((flash_doubles)(((flash_longs)(mask) & (flash_longs)(a))                                   \
                     | (~(flash_longs)(mask) & (flash_longs)(b))))
#endif

#ifdef FLASH_VECTORS
#define VECTORS_ONLY(suffix) rram_eight_##suffix, charge_##suffix
#define BATCHES(suffix) from_tables_##suffix
#else
#define BATCHES(suffix) 0
#define VECTORS_ONLY(suffix) 0, 0
#endif
#define TABLE(suffix, label)                                                                    \
    {label,            stack_##suffix,       scale_round_##suffix, weigh_##suffix,              \
     range_##suffix,   span_##suffix,        find_##suffix,        select_##suffix,             \
     fitting_##suffix, meeting_##suffix,     promising_product_##suffix,                        \
     BATCHES(suffix),  topology_##suffix,    covered_##suffix,     VECTORS_ONLY(suffix),        \
     sieve_##suffix,   sieve_values_##suffix, sixteen_logs_##suffix, EIGHTS(suffix),            \
     mix_fixed_##suffix, mix_float_##suffix, measure_##suffix,                                  \
     joined_##suffix,  keyed_##suffix}

#define EIGHTS(suffix) 0
/* WIDTH: doubles in a register, of which ALL makes one; QUADS: four fit */
#define KERNEL(name) name##_baseline
#define TARGET
#define WIDTH 2
#define ALL(x) ((KERNEL(lanes)){x, x})
#define FLOOR(x) KERNEL(down)(x)
#include "kernels_body.h"
#include "sift_body.h"
#include "batch_body.h"
#include "layers_body.h"
#include "sweep_body.h"
#include "front_body.h"
#undef KERNEL
#undef TARGET
static const flash_kernels baseline = TABLE(baseline, "baseline");

#ifdef FLASH_X86
#undef WIDTH
#undef ALL
#undef FLOOR
#define WIDTH 4
#define QUADS 1
#define FLOOR(x) ((KERNEL(lanes))_mm256_floor_pd((__m256d)(x)))
#define ALL(x) ((KERNEL(lanes)){x, x, x, x})
#define KERNEL(name) name##_avx2
#define TARGET __attribute__((target("avx2,bmi,bmi2")))
#include "kernels_body.h"
#include "sift_body.h"
#include "batch_body.h"
#include "layers_body.h"
#include "sweep_body.h"
#include "front_body.h"
#undef KERNEL
#undef TARGET
static const flash_kernels avx2 = TABLE(avx2, "avx2");

#undef WIDTH
#undef ALL
#undef FLOOR
#define WIDTH 8
#define ALL(x) FLASH_ALL(x)
#define FLOOR(x) ((flash_doubles)_mm512_roundscale_pd((__m512d)(x), 1)) /* 1: downwards */
#define KERNEL(name) name##_avx512
#ifdef __clang__
#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,bmi,bmi2")))
#else
#define TARGET                                                                                  \
    __attribute__((                                                                             \
        target("avx512f,avx512dq,avx512bw,avx512vl,bmi,bmi2,prefer-vector-width=512")))
#endif
#include "kernels_body.h"
#include "sift_body.h"
#include "batch_body.h"
#include "layers_body.h"
#include "sweep_body.h"
#include "front_body.h"
#include "choices_body.h"
#undef KERNEL
#undef TARGET
#undef EIGHTS
#define EIGHTS(suffix) from_choices_##suffix
static const flash_kernels avx512 = TABLE(avx512, "avx512");
#endif

const flash_kernels *flash_choose_kernels(const char *forced)
{
    int any = !strcmp(forced, "auto");
#ifdef FLASH_X86
    __builtin_cpu_init();
    int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    int has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f")
                     && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")
                     && __builtin_cpu_supports("avx512vl");
    if (has_avx512 && (any || !strcmp(forced, "avx512")))
        return &avx512;
    if (has_avx2 && (any || !strcmp(forced, "avx2")))
        return &avx2;
#endif
    return any || !strcmp(forced, "baseline") ? &baseline : NULL;
}
