"""Counter-based random numbers: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

Written out here rather than taken from ``random`` so that a seed gives the same networks in every
version of Python and on every machine.
"""

from __future__ import annotations

__all__ = ["MASK", "below", "draw", "mix", "stream"]

MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def mix(value: int) -> int:
    """Return SplitMix64's output for the state `value` (64 bits in, 64 bits out)."""
    value = (value + _GOLDEN) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def stream(seed: int, *key: int) -> int:
    """Return the starting state of an independent stream named by a seed and a key."""
    state = mix(seed & MASK)
    for part in key:
        state = mix(state ^ (part & MASK))
    return state


def below(limit: int, state: int, counter: int) -> tuple[int, int]:
    """Return a uniform integer of [0, limit), of any magnitude, and the next counter.

    Words ``mix(state + counter * golden)`` are joined, first word most significant, to 64 bits
    more than `limit` has, and scaled: the bias is below 2^-64.
    """
    words = (limit.bit_length() + 63) // 64 + 1
    value = 0
    for _ in range(words):
        value = (value << 64) | mix((state + counter * _GOLDEN) & MASK)
        counter += 1
    return (value * limit) >> (64 * words), counter


def draw(count: int, candidates: int, state: int) -> tuple[int, ...]:
    """Draw `count` distinct integers of [0, candidates), in rising order.

    Floyd's algorithm (Bentley and Floyd, CACM 30(9), 1987): memory and time grow with `count`
    only.
    """
    if count >= candidates:
        return tuple(range(candidates))
    chosen: set[int] = set()
    counter = 0
    for top in range(candidates - count, candidates):
        pick, counter = below(top + 1, state, counter)
        chosen.add(top if pick in chosen else pick)
    return tuple(sorted(chosen))
