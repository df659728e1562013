"""A proximal bundle: minimises a convex function of few non-negative variables by its cuts.

The Lagrangian's dual is such a function of the multipliers: its value at a point is the greatest of
many linear functions, and the rows that attain it give one of them, a cut, which is nowhere above
the function. A step goes to the least of the cuts' maximum plus weight / 2 times the squared
distance to the best point so far, the centre (Kiwiel, Math. Programming 46, 1990). The cuts also
tell how much a step can gain, hence when to end. Any point is a valid set of multipliers: nothing
here can make a bound wrong.
"""

from libc.math cimport INFINITY, fabs

from flash._core.search.relaxation cimport CONSTRAINTS


cdef enum:
    CUTS = CONSTRAINTS + 2       # kept: a step rests on one more than there are variables
    EXCHANGES = 32       # of shares between two cuts, in a step
    PIECES = 4           # of a piecewise linear slope that is followed to its root

cdef extern from *:
    """
    #define FLASH_EXCHANGED 5e-3
    #define FLASH_SERIOUS 0.5
    #define FLASH_WEIGHT_CHANGE 10.0
    """
    const double EXCHANGED "FLASH_EXCHANGED"     # of what a step gains: cuts as near are as high
    const double SERIOUS "FLASH_SERIOUS"         # of what cuts promise: the weight may fall
    const double WEIGHT_CHANGE "FLASH_WEIGHT_CHANGE"     # in a step, at most


cdef struct Bundle:
    int n                # variables
    int cuts
    int gains            # centres in a row
    double weight        # of the squared distance to the centre
    double value         # at the centre
    double promised      # by the cuts at the last step: what it gains
    double centre[CONSTRAINTS]
    double step[CONSTRAINTS]             # where the function is to be asked next
    double height[CUTS]  # of each cut at the centre
    double share[CUTS]   # how much a step rests on each cut: they add up to 1
    double slope[CUTS][CONSTRAINTS]


cdef inline void begin(Bundle* b, double value, const double* slope, double aim) noexcept nogil:
    """The first cut: b.centre is where the function has this value and slope. aim: a value that the
    first step is to reach, if its cut is right."""
    cdef double norm = 0.0
    cdef int r
    b.cuts = 1
    b.gains = 0
    b.value = b.height[0] = value
    b.share[0] = 1.0
    for r in range(b.n):
        b.slope[0][r] = slope[r]
        if b.centre[r] > 0.0 or slope[r] < 0.0:
            norm += slope[r] * slope[r]
    b.weight = norm / (value - aim)


cdef inline int room_for_cut(Bundle* b) noexcept nogil:
    """The place of a new cut, where need be of one that the last step rested on least."""
    cdef int i, least = 0
    if b.cuts < CUTS:
        b.cuts += 1
        return b.cuts - 1
    for i in range(1, CUTS):
        if b.share[i] < b.share[least] or (b.share[i] == b.share[least]
                                           and b.height[i] < b.height[least]):
            least = i
    for i in range(CUTS):        # what rested on it rests on all others
        if i != least:
            b.share[i] /= 1.0 - b.share[least]
    return least


cdef inline void learn_cut(Bundle* b, double value, const double* slope) noexcept nogil:
    """What the function is at b.step; it becomes the centre where the function is lower there."""
    cdef double below, curved = 2.0 * b.weight * (1.0 - (b.value - value) / b.promised)
    cdef int i, r, own = room_for_cut(b)
    below = value
    for r in range(b.n):
        b.slope[own][r] = slope[r]
        below += slope[r] * (b.centre[r] - b.step[r])
    b.height[own] = below
    b.share[own] = 0.0
    if value >= b.value:
        b.gains = 0
        # a cut far below the centre's value is of another part of the function: shorter steps
        if b.value - below > b.promised and curved > b.weight:
            b.weight = min(curved, WEIGHT_CHANGE * b.weight)
        return
    if b.value - value >= SERIOUS * b.promised:
        b.gains += 1
        if curved < b.weight:
            b.weight = max(curved, b.weight / WEIGHT_CHANGE)
    for i in range(b.cuts):
        for r in range(b.n):
            b.height[i] += b.slope[i][r] * (b.step[r] - b.centre[r])
    b.value = value
    for r in range(b.n):
        b.centre[r] = b.step[r]


cdef inline double exchanged(const Bundle* b, const double* slope, const double* change,
                             double excess, double most) noexcept nogil:
    """How much share to move from one cut to another, at most `most`, until both are as high at the
    step. slope: of all shares; change: the second cut's less the first's; excess: how much higher
    the second is now."""
    cdef double t = 0.0, rise, curve, x, far = 1.0 / b.weight
    cdef int r, _piece
    for _piece in range(PIECES):
        rise = excess
        curve = 0.0
        for r in range(b.n):
            x = b.centre[r] - far * (slope[r] + t * change[r])
            if x > 0.0:
                curve += change[r] * change[r]
            else:
                x = 0.0
            rise += change[r] * (x - b.step[r])
        if rise == 0.0:
            break
        if curve == 0.0:
            return most if rise > 0.0 else t
        x = t + rise * b.weight / curve
        x = 0.0 if x < 0.0 else most if x > most else x
        if x == t:
            break
        t = x
    return t


cdef inline double take_step(Bundle* b) noexcept nogil:
    """Sets b.step; what it gains if the cuts are right, 0 or less where nothing is to be gained.

    The quadratic problem is solved by its dual, over the shares: from the lowest cut of those that
    it rests on to the highest, until all of these are as high.
    """
    cdef double slope[CONSTRAINTS]       # of the cuts, each by its share
    cdef double change[CONSTRAINTS]
    cdef double high, low, x, far = 1.0 / b.weight
    cdef int i, r, top, bottom, _exchange
    for r in range(b.n):
        slope[r] = 0.0
        for i in range(b.cuts):
            slope[r] += b.share[i] * b.slope[i][r]
    for _exchange in range(EXCHANGES):
        for r in range(b.n):
            x = b.centre[r] - far * slope[r]
            b.step[r] = x if x > 0.0 else 0.0
        high = -INFINITY
        low = INFINITY
        top = bottom = 0
        for i in range(b.cuts):
            x = b.height[i]
            for r in range(b.n):
                x += b.slope[i][r] * (b.step[r] - b.centre[r])
            if x > high:
                high = x
                top = i
            if b.share[i] > 0.0 and x < low:
                low = x
                bottom = i
        b.promised = b.value - high
        if high - low <= EXCHANGED * fabs(b.promised) or top == bottom:
            break
        for r in range(b.n):
            change[r] = b.slope[top][r] - b.slope[bottom][r]
        x = exchanged(b, slope, change, high - low, b.share[bottom])
        if x <= 0.0:
            break
        b.share[top] += x
        b.share[bottom] -= x
        for r in range(b.n):
            slope[r] += x * change[r]
    return b.promised
