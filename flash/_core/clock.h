/* A clock that only goes forward, in seconds. */
#ifndef FLASH_CLOCK_H
#define FLASH_CLOCK_H

#if defined(_WIN32)
#include <windows.h>
static double flash_clock(void) { return GetTickCount64() * 1e-3; }
#else
#include <time.h>
static double flash_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}
#endif

#endif
