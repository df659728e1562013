/* Instances of kernels_body.h and the choice among them. `target_clones` would need ifunc, which
 * neither macOS, musl nor Windows has: one table of pointers serves all. FMA contraction is off
 * in every build (-ffp-contract=off), so that all variants round alike. */
#include "kernels.h"

#include <math.h>
#include <string.h>

#if (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(__clang__))
#define FLASH_X86 1
#endif

#if defined(__GNUC__) || defined(__clang__)
#define FLASH_VECTORS 1
#define LANES 8
typedef double flash_doubles __attribute__((vector_size(64)));
typedef double flash_loose __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t flash_longs __attribute__((vector_size(64)));
#define FLASH_ALL(x) ((flash_doubles){x, x, x, x, x, x, x, x})
#define FLASH_SELECT(mask, a, b)                                                                \
    ((flash_doubles)(((flash_longs)(mask) & (flash_longs)(a))                                   \
                     | (~(flash_longs)(mask) & (flash_longs)(b))))
#endif

#ifdef FLASH_VECTORS
#define EIGHT(suffix) rram_eight_##suffix
#else
#define EIGHT(suffix) 0
#endif
#define TABLE(suffix, label)                                                                    \
    {label,         accumulate_##suffix, scale_round_##suffix, weigh_##suffix, range_##suffix,  \
     select_##suffix, promising_##suffix, EIGHT(suffix)}

#define KERNEL(name) name##_baseline
#define TARGET
#include "kernels_body.h"
#undef KERNEL
#undef TARGET
static const flash_kernels baseline = TABLE(baseline, "baseline");

#ifdef FLASH_X86
#define KERNEL(name) name##_avx2
#define TARGET __attribute__((target("avx2,bmi,bmi2")))
#include "kernels_body.h"
#undef KERNEL
#undef TARGET
static const flash_kernels avx2 = TABLE(avx2, "avx2");

#define KERNEL(name) name##_avx512
#ifdef __clang__
#define TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,bmi,bmi2")))
#else
#define TARGET                                                                                  \
    __attribute__((                                                                             \
        target("avx512f,avx512dq,avx512bw,avx512vl,bmi,bmi2,prefer-vector-width=512")))
#endif
#include "kernels_body.h"
#undef KERNEL
#undef TARGET
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
