"""What a layer's inputs take from the tiles of the layer before it through a mesh of routers.

The published procedure (see flash/hardware/mesh.py, which has it in Python): a mesh as large as the
two layers' tiles need, row by row, the sources first; from every source to every destination go
packets of one flit, first along the row, then along the column. Packets pass a router in four
cycles and a link in one, and wait for each other where channels are shared. Flows below are in
packets of one pair of tiles. Loads of all channels follow from how many sources and destinations
lie on either side, so that none of the pairs is looked at.
"""

from libc.math cimport ceil, sqrt
from libc.stdint cimport int64_t


cdef enum:
    MESH_NUMBERS = 8         # of a `Model`'s array, after those of the tile
    MEMORY = 512             # pairs of tiles: a power of two

cdef extern from *:
    """
    #define FLASH_PER_HOP 5.0     /* cycles of a link and its router */
    #define FLASH_ENDS 7.0        /* of the first router and both ends */
    #define FLASH_LEAST_RATE 1e-5 /* packets a cycle of a pair: below it they count as */
    #define FLASH_FLOOR_RATE 1e-4 /* as many as these */
    """
    const double PER_HOP "FLASH_PER_HOP"
    const double ENDS "FLASH_ENDS"
    const double LEAST_RATE "FLASH_LEAST_RATE"
    const double FLOOR_RATE "FLASH_FLOOR_RATE"


cdef struct Known:           # of two layers' tiles
    int64_t sources, wanted
    double hops              # on average
    double floor             # what all packets wait at the least rate that there is


cdef struct Mesh:            # the numbers of a target file's "mesh"
    int on
    double activation_bits, flit_bits
    double frames_per_s, clock_hz
    double link, exit        # cycles that a channel is taken beyond a packet's flits
    double share             # of the waits that independent arrivals would have
    double most              # load of a channel, at most: beyond it queues have no end
    Known* known             # MEMORY of them, where tables are compiled; else NULL


cdef struct Crossing:
    double cycles
    double links             # flits times links that they pass
    double routers           # flits times routers


cdef inline double shared(double all, double each, double channels, double rate, double service,
                          double most) noexcept nogil:
    """Packets that wait in channels, in cycles a cycle: all: the flow of each, each: the sum of
    all their inputs' squares, as no packet waits for those of its own input."""
    cdef double others = all * all * channels - each, load
    if others == 0.0:
        return 0.0
    load = all * rate * service
    if load > most:
        load = most
    return others * (rate * rate) * (service * service) * 0.5 / (1.0 - load)


cdef inline double before(int64_t full, int64_t part, int64_t column) noexcept nogil:
    """Of tiles laid out in full rows and a part of one those in columns below one."""
    return <double> (full * column + min(part, column))


cdef inline double distance(int64_t sources, int64_t all, int64_t side) noexcept nogil:
    """Links from the first tiles to the others up to `all`, of all pairs together."""
    cdef double found = 0.0, near, far, low, high
    cdef double wanted = <double> (all - sources)
    cdef int64_t full = sources // side, part = sources % side, whole = all // side
    cdef int64_t rest = all % side, i
    for i in range(1, side):
        near = before(full, part, i)     # across the line before column i
        low = before(whole, rest, i) - near
        found += near * (wanted - low) + (<double> sources - near) * low
        near = <double> min(sources, i * side)       # across the line above row i
        high = <double> min(all, i * side) - near
        # of a row that both lie in nothing goes up
        far = wanted - high
        found += near * far + (<double> sources - near) * high
    return found


cdef inline double squares(int64_t n) noexcept nogil:
    """0^2 + 1^2 + ... + (n - 1)^2."""
    return <double> (n - 1) * <double> n * <double> (2 * n - 1) / 6.0


cdef inline double turned(int64_t here, int64_t low, int64_t high) noexcept nogil:
    """Of columns low to high - 1 in a row of which the first `here` tiles are sources: the squares
    of how many come from the west, from the east, and of the one there, added up. `here` lies not
    between."""
    if low >= here:
        return <double> (high - low) * (<double> here * <double> here)
    return (squares(high) - squares(low) + squares(here - low) - squares(here - high)
            + <double> (high - low))


cdef inline double waiting(const Mesh* m, int64_t sources, int64_t all, int64_t side,
                           double rate) noexcept nogil:
    """Cycles that all packets wait, a cycle; rate: packets a cycle of each pair."""
    cdef double left, right, own, through, found = 0.0, rows, north
    cdef double wanted = <double> (all - sources)
    cdef double link = 1.0 + m.link, out = 1.0 + m.exit
    cdef int64_t full = sources // side, part = sources % side, rest = all % side, x, y, here
    cdef int64_t whole = all // side, low, high, end
    cdef int64_t edge[4]
    cdef int i
    if sources == 1:
        return 0.0
    # along rows: a whole row of sources, and one that is part of it
    for y in range(2):
        rows = <double> full if y == 0 else 1.0
        here = side if y == 0 else part
        if rows == 0.0 or here == 0:
            continue
        for x in range(1, side):
            left = before(whole, rest, x) - before(full, part, x)
            right = wanted - left
            own = <double> min(here, x)      # go east between columns x - 1 and x
            through = own - 1.0 if x - 1 < here else own
            found += rows * shared(own * right,
                                   (through * through + (own - through)) * right * right,
                                   1.0, rate, link, m.most)
            own = <double> here - own        # and west
            through = own - 1.0 if x < here else own
            found += rows * shared(own * left,
                                   (through * through + (own - through)) * left * left,
                                   1.0, rate, link, m.most)
    # down columns, as far as sources turn in: alike but for what turns, between the ends of rows
    edge[0] = 0
    edge[1] = min(part, rest)
    edge[2] = max(part, rest)
    edge[3] = side
    for i in range(3):
        low, high = edge[i], edge[i + 1]
        if low == high:
            continue
        end = whole + (1 if low < rest else 0)     # after the last destination's row
        for y in range(full + (part > 0)):
            here = side if y < full else part
            north = <double> y * <double> side
            right = <double> (end - max(full + (1 if low < part else 0), y + 1))  # lie below
            if right <= 0.0:
                continue
            found += shared((north + <double> here) * right,
                            (north * north * <double> (high - low) + turned(here, low, high))
                            * right * right, <double> (high - low), rate, link, m.most)
    # out of the mesh, in the row that both have tiles in
    x = (side if whole > full else rest) - part
    if part and x > 0:
        north = <double> full * <double> side
        found += shared(north + <double> part,
                        (north * north + <double> part * <double> part) * <double> x, <double> x,
                        rate, out, m.most)
    return m.share * found


cdef inline int64_t side_of(int64_t tiles) noexcept nogil:
    """Of the smallest square mesh of so many tiles."""
    cdef int64_t side = <int64_t> sqrt(<double> tiles)
    while side * side < tiles:
        side += 1
    while (side - 1) * (side - 1) >= tiles:
        side -= 1
    return side


cdef inline void cross(const Mesh* m, int64_t sources, int64_t wanted, double activations,
                       Crossing* to) noexcept nogil:
    """What the activations of a layer on `wanted` tiles take from the layer before it."""
    cdef double pairs = <double> sources * <double> wanted
    cdef int64_t all = sources + wanted, side = side_of(all)
    cdef double rate = ((activations * m.activation_bits + m.flit_bits) * m.frames_per_s / pairs
                        / m.flit_bits / m.clock_hz)
    cdef double hops, wait = 0.0, packets
    cdef Known* known = NULL
    if m.known != NULL:
        known = m.known + ((sources * 61 + wanted) & (MEMORY - 1))
        if known.sources != sources or known.wanted != wanted:
            known.sources, known.wanted = sources, wanted
            known.hops = distance(sources, all, side) / pairs
            known.floor = -1.0
        hops = known.hops
    else:
        hops = distance(sources, all, side) / pairs
    if rate < LEAST_RATE:
        rate = FLOOR_RATE
        if known != NULL and known.floor < 0.0:
            known.floor = waiting(m, sources, all, side, rate) / (pairs * rate)
        wait = (known.floor if known != NULL
                else waiting(m, sources, all, side, rate) / (pairs * rate))
    elif sources > 1:
        wait = waiting(m, sources, all, side, rate) / (pairs * rate)
    packets = (activations / pairs * m.activation_bits + m.flit_bits) / m.flit_bits
    to.cycles = (wait + 1.0) * packets + (PER_HOP * hops + ENDS)
    packets *= pairs
    to.links = packets * hops
    to.routers = packets * (hops + 1.0)


cdef inline void read_mesh(Mesh* m, array) except *:
    """The numbers of the mesh: see `Model`."""
    m.on = 1
    (m.activation_bits, m.flit_bits, m.frames_per_s, m.clock_hz, m.link, m.exit, m.share,
     m.most) = array
