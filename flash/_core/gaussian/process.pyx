"""A Gaussian process over rows of choices: its evidence, and what it says of many rows.

The kernel of two rows is a sum of parts: some linear in their parameters, each a Gram matrix, and
some exponential, ``b * exp(-sum of w_j * distance_j)``. Sums are worked out in one order on one
thread: the same numbers on every machine that rounds as IEEE 754 says, whatever the number of
threads of a BLAS. (A standard process: Rasmussen and Williams 2006, algorithms 2.1 and 5.1.)
"""

from libc.math cimport INFINITY, NAN, erfc, exp, log, sqrt
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc

__all__ = ("covariances", "evidence", "factor", "forward", "improvement", "inverse", "weigh")


cdef double ROOT_HALF = 0.7071067811865476   # 1 / sqrt(2)
cdef double DENSITY = 0.3989422804014327     # of a normal variable at its mean: 1 / sqrt(2 pi)


cdef inline double dot(const double* a, const double* b, Py_ssize_t n) noexcept nogil:
    """The sum of products, in eight sums side by side: a compiler may keep them in vectors."""
    cdef double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0, s4 = 0.0, s5 = 0.0, s6 = 0.0, s7 = 0.0
    cdef Py_ssize_t k = 0
    while k + 8 <= n:
        s0 += a[k] * b[k]
        s1 += a[k + 1] * b[k + 1]
        s2 += a[k + 2] * b[k + 2]
        s3 += a[k + 3] * b[k + 3]
        s4 += a[k + 4] * b[k + 4]
        s5 += a[k + 5] * b[k + 5]
        s6 += a[k + 6] * b[k + 6]
        s7 += a[k + 7] * b[k + 7]
        k += 8
    while k < n:
        s0 += a[k] * b[k]
        k += 1
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))


cdef double factored(double* a, Py_ssize_t n) noexcept nogil:
    """Put L, with a = L L', in the lower triangle of a; return log |a|, NaN where a has no L.

    Row i of L needs the rows before it alone: l[i][j] = (a[i][j] - l[i] . l[j]) / l[j][j].
    """
    cdef Py_ssize_t i, j
    cdef double left, total = 0.0
    for i in range(n):
        for j in range(i):
            a[i * n + j] = (a[i * n + j] - dot(a + i * n, a + j * n, j)) / a[j * n + j]
        left = a[i * n + i] - dot(a + i * n, a + i * n, i)
        if not left > 0.0:
            return NAN
        a[i * n + i] = sqrt(left)
        total += log(left)
    return total


cdef void inverted(const double* l, double* turned, double* out, Py_ssize_t n) noexcept nogil:
    """Put the inverse of L L' in out; turned: room for (L^-1)'.

    Row j of `turned` is column j of L^-1, which is 0 above j:
    m[i][j] = -(l[i][j..i] . m[j..i][j]) / l[i][i]. Then the inverse's [j][i] is the product of
    rows j and i of `turned`, from the later of the two on.
    """
    cdef Py_ssize_t i, j
    cdef double* own
    for j in range(n):
        own = turned + j * n
        own[j] = 1.0 / l[j * n + j]
        for i in range(j + 1, n):
            own[i] = -dot(l + i * n + j, own + j, i - j) / l[i * n + i]
    for i in range(n):
        for j in range(i + 1):
            out[i * n + j] = dot(turned + i * n + i, turned + j * n + i, n - i)
            out[j * n + i] = out[i * n + j]


def factor(double[:, ::1] a not None):
    """Factor a symmetric matrix in place.

    Parameters
    ----------
    a : float64 array, shape (n, n)
        Its lower triangle is read, and becomes L with a = L L'; the upper is left as it is.

    Returns
    -------
    float
        log |a|; NaN where a is not positive definite, and its contents are then of no use.
    """
    cdef Py_ssize_t n = a.shape[0]
    cdef double found = 0.0
    square(a.shape[1], n)
    if n:
        with nogil:
            found = factored(&a[0, 0], n)
    return found


def inverse(const double[:, ::1] l not None, double[:, ::1] out not None):
    """Put the inverse of L L' in `out`.

    Parameters
    ----------
    l : float64 array, shape (n, n)
        What `factor` left.
    out : float64 array, shape (n, n)
    """
    cdef Py_ssize_t n = l.shape[0]
    cdef double* turned
    square(l.shape[1], n)
    square(out.shape[0], n)
    square(out.shape[1], n)
    if not n:
        return
    turned = <double*> malloc(<size_t> n * n * sizeof(double))
    if turned == NULL:
        raise MemoryError
    with nogil:
        inverted(&l[0, 0], turned, &out[0, 0], n)
    free(turned)


def forward(const double[:, ::1] l not None, double[:, ::1] b not None):
    """Put L^-1 b in place of each row b.

    Parameters
    ----------
    l : float64 array, shape (n, n)
        What `factor` left.
    b : float64 array, shape (m, n)
    """
    cdef Py_ssize_t n = l.shape[0], i, k
    square(l.shape[1], n)
    square(b.shape[1], n)
    with nogil:
        for k in range(b.shape[0]):
            for i in range(n):
                b[k, i] = (b[k, i] - dot(&l[i, 0], &b[k, 0], i)) / l[i, i]


cdef int square(Py_ssize_t got, Py_ssize_t wanted) except -1:
    if got != wanted:
        raise ValueError(f"arrays must be of one size, got {got} and {wanted}")
    return 0


def evidence(const double[:, :, ::1] grams not None, const double[:, :, ::1] distances not None,
             const int32_t[::1] part not None, const double[::1] noise not None,
             const double[::1] y not None, const double[::1] theta not None,
             double[::1] gradient not None):
    """Minus the log of the evidence of targets, less its constant, and the gradient.

    Parameters
    ----------
    grams : float64 array, shape (n, n, P)
        Of each linear part.
    distances : float64 array, shape (n, n, J)
        In the order of their parts.
    part : int32 array, shape (J,)
        The exponential part of each distance, from 0 on, not falling.
    noise : float64 array, shape (n,)
        What a sample's noise is in units of one training's: 1 over its repeats.
    y : float64 array, shape (n,)
    theta : float64 array, shape (P + E + J + 1,)
        Positive: the weight of each linear part, of each exponential part, of each distance, and
        the noise's variance.
    gradient : float64 array, shape (P + E + J + 1,)
        Receives the derivatives by the logarithms of theta.

    Returns
    -------
    float
        Infinite, and the gradient 0, where the matrix is not positive definite.
    """
    cdef Py_ssize_t n = y.shape[0], P = grams.shape[2], J = distances.shape[2], E, i, k, p, j
    cdef double* room
    cdef double* matrix
    cdef double* parts
    cdef double* inner
    cdef double* turned
    cdef double* alpha
    cdef double value, own, weight, twice
    E = theta.shape[0] - P - J - 1
    square(grams.shape[0], n)
    square(grams.shape[1], n)
    square(distances.shape[0], n)
    square(distances.shape[1], n)
    square(part.shape[0], J)
    square(noise.shape[0], n)
    square(gradient.shape[0], theta.shape[0])
    for j in range(J):
        if not 0 <= part[j] < E:
            raise ValueError(f"part {part[j]} is not in 0..{E - 1}")
    if E < 0 or n == 0:
        raise ValueError("theta must have a number for each part, each distance and the noise")
    room = <double*> malloc(<size_t> (n * n * (3 + E) + n) * sizeof(double))
    if room == NULL:
        raise MemoryError
    matrix, inner, turned, parts = room, room + n * n, room + 2 * n * n, room + 3 * n * n
    alpha = parts + n * n * E
    for j in range(gradient.shape[0]):
        gradient[j] = 0.0
    with nogil:
        for i in range(n):
            for k in range(i + 1):
                own = 0.0
                for p in range(P):
                    own += theta[p] * grams[i, k, p]
                for p in range(E):
                    parts[(i * n + k) * E + p] = 0.0
                for j in range(J):
                    parts[(i * n + k) * E + part[j]] += theta[P + E + j] * distances[i, k, j]
                for p in range(E):
                    weight = theta[P + p] * exp(-parts[(i * n + k) * E + p])
                    parts[(i * n + k) * E + p] = weight
                    own += weight
                if i == k:
                    own += theta[P + E + J] * noise[i]
                matrix[i * n + k] = own
        value = factored(matrix, n)
        if value == value:
            inverted(matrix, turned, inner, n)
            for i in range(n):
                alpha[i] = dot(inner + i * n, &y[0], n)
            value = 0.5 * (value + dot(alpha, &y[0], n))
            for i in range(n):
                for k in range(i + 1):
                    twice = 0.5 if i == k else 1.0  # of a symmetric matrix half is looked at
                    own = twice * (inner[i * n + k] - alpha[i] * alpha[k])
                    for p in range(P):
                        gradient[p] += own * theta[p] * grams[i, k, p]
                    for p in range(E):
                        gradient[P + p] += own * parts[(i * n + k) * E + p]
                    for j in range(J):
                        gradient[P + E + j] -= (own * parts[(i * n + k) * E + part[j]]
                                                * theta[P + E + j] * distances[i, k, j])
                    if i == k:
                        gradient[P + E + J] += own * theta[P + E + J] * noise[i]
        else:
            value = INFINITY
    free(room)
    return value


cdef inline void row_of(const int32_t* codes, Py_ssize_t d, const double* features, Py_ssize_t q,
                        const double* linear, const double* tables, const double* samples,
                        const double* along, const double* across, const double* weights,
                        Py_ssize_t V, Py_ssize_t E, Py_ssize_t n, double* far,
                        double* out) noexcept nogil:
    """Covariances of one row with n samples; far: room for n numbers."""
    cdef Py_ssize_t j, s, e, k
    cdef const double* own
    cdef double apart
    for s in range(n):
        out[s] = 0.0
    for j in range(d):
        own = linear + codes[j] * n
        for s in range(n):
            out[s] += own[s]
    for k in range(q):
        own = samples + k * n
        apart = along[k] * features[k]
        if apart != 0.0:
            for s in range(n):
                out[s] += apart * own[s]
    for e in range(E):
        for s in range(n):
            far[s] = 0.0
        for j in range(d):
            own = tables + (e * V + codes[j]) * n
            for s in range(n):
                far[s] += own[s]
        for k in range(q):
            if across[e * q + k] == 0.0:
                continue
            own = samples + k * n
            for s in range(n):
                apart = features[k] - own[s]
                far[s] += across[e * q + k] * apart * apart
        for s in range(n):
            out[s] += weights[e] * exp(-far[s])


cdef int fits(const int32_t[:, ::1] codes, const double[:, ::1] features,
              const double[:, ::1] linear, const double[:, :, ::1] tables,
              const double[:, ::1] samples, const double[::1] along, const double[:, ::1] across,
              const double[::1] weights) except -1:
    cdef Py_ssize_t i, j, V = linear.shape[0], n = linear.shape[1], q = features.shape[1]
    square(features.shape[0], codes.shape[0])
    square(tables.shape[0], weights.shape[0])
    square(across.shape[0], weights.shape[0])
    square(tables.shape[1], V)
    square(tables.shape[2], n)
    square(samples.shape[0], q)
    square(samples.shape[1], n)
    square(along.shape[0], q)
    square(across.shape[1], q)
    for i in range(codes.shape[0]):
        for j in range(codes.shape[1]):
            if not 0 <= codes[i, j] < V:
                raise ValueError(f"code {codes[i, j]} is not in 0..{V - 1}")
    return 0


def covariances(const int32_t[:, ::1] codes not None, const double[:, ::1] features not None,
                const double[:, ::1] linear not None, const double[:, :, ::1] tables not None,
                const double[:, ::1] samples not None, const double[::1] along not None,
                const double[:, ::1] across not None, const double[::1] weights not None,
                double[:, ::1] out not None):
    """Put the covariances of N rows with n samples in `out`, without any noise.

    Parameters
    ----------
    codes : int32 array, shape (N, d)
        A number in 0..V-1 for each variable's value.
    features : float64 array, shape (N, q)
    linear : float64 array, shape (V, n)
        What a value adds to the covariance with each sample.
    tables : float64 array, shape (E, V, n)
        What a value adds to the distance of each exponential part.
    samples : float64 array, shape (q, n)
        The samples' features.
    along : float64 array, shape (q,)
        Weights of the features' products.
    across : float64 array, shape (E, q)
        Weights of their squared differences in the distances.
    weights : float64 array, shape (E,)
        Of the exponential parts.
    out : float64 array, shape (N, n)
    """
    cdef Py_ssize_t i, N = codes.shape[0], n = linear.shape[1], E = weights.shape[0]
    cdef Py_ssize_t d = codes.shape[1], q = features.shape[1], V = linear.shape[0]
    cdef double* far
    fits(codes, features, linear, tables, samples, along, across, weights)
    square(out.shape[0], N)
    square(out.shape[1], n)
    if not N or not n:
        return
    far = <double*> malloc(<size_t> n * sizeof(double))
    if far == NULL:
        raise MemoryError
    with nogil:
        for i in range(N):
            row_of(&codes[i, 0] if d else NULL, d, &features[i, 0] if q else NULL, q,
                   &linear[0, 0], &tables[0, 0, 0] if E else NULL,
                   &samples[0, 0] if q else NULL, &along[0] if q else NULL,
                   &across[0, 0] if E and q else NULL, &weights[0] if E else NULL, V, E, n,
                   far, &out[i, 0])
    free(far)


def weigh(const int32_t[:, ::1] codes not None, const double[:, ::1] features not None,
          const double[:, ::1] linear not None, const double[:, :, ::1] tables not None,
          const double[:, ::1] samples not None, const double[::1] along not None,
          const double[:, ::1] across not None, const double[::1] weights not None,
          const double[::1] alpha not None, const double[::1] own not None,
          double[::1] mean not None, double[::1] known not None):
    """Means of N rows, and a lower bound of what samples take from their variances.

    Parameters
    ----------
    codes, features, linear, tables, samples, along, across, weights
        As for `covariances`.
    alpha : float64 array, shape (n,)
        The inverse of the samples' matrix times their targets.
    own : float64 array, shape (n,)
        Each sample's variance, its noise with it.
    mean : float64 array, shape (N,)
    known : float64 array, shape (N,)
        The most that one sample alone takes: covariance ** 2 / own. All samples together take no
        less.
    """
    cdef Py_ssize_t i, s, N = codes.shape[0], n = linear.shape[1], E = weights.shape[0]
    cdef Py_ssize_t d = codes.shape[1], q = features.shape[1], V = linear.shape[0]
    cdef double* far
    cdef double* k
    cdef double most, taken
    fits(codes, features, linear, tables, samples, along, across, weights)
    square(alpha.shape[0], n)
    square(own.shape[0], n)
    square(mean.shape[0], N)
    square(known.shape[0], N)
    if not N or not n:
        return
    far = <double*> malloc(<size_t> 2 * n * sizeof(double))
    if far == NULL:
        raise MemoryError
    k = far + n
    with nogil:
        for i in range(N):
            row_of(&codes[i, 0] if d else NULL, d, &features[i, 0] if q else NULL, q,
                   &linear[0, 0], &tables[0, 0, 0] if E else NULL,
                   &samples[0, 0] if q else NULL, &along[0] if q else NULL,
                   &across[0, 0] if E and q else NULL, &weights[0] if E else NULL, V, E, n,
                   far, k)
            mean[i] = dot(k, &alpha[0], n)
            most = 0.0
            for s in range(n):
                taken = k[s] * k[s] / own[s]
                most = taken if taken > most else most
            known[i] = most
    free(far)


def improvement(const double[::1] ahead not None, const double[::1] deviation not None,
                double[::1] gain not None, double[::1] chance not None):
    """What normal variables are expected to be above 0, and how probably they are.

    Parameters
    ----------
    ahead : float64 array, shape (n,)
        Their means.
    deviation : float64 array, shape (n,)
        Positive.
    gain : float64 array, shape (n,)
        Receives the expected value of max(0, x): with u = ahead / deviation,
        deviation * (u * P(u) + p(u)), P and p the normal distribution and density.
    chance : float64 array, shape (n,)
        Receives P(u).
    """
    cdef Py_ssize_t i, n = ahead.shape[0]
    cdef double u, above
    square(deviation.shape[0], n)
    square(gain.shape[0], n)
    square(chance.shape[0], n)
    with nogil:
        for i in range(n):
            u = ahead[i] / deviation[i]
            above = 0.5 * erfc(-u * ROOT_HALF)
            chance[i] = above
            above = deviation[i] * (u * above + exp(-0.5 * u * u) * DENSITY)
            gain[i] = above if above > 0.0 else 0.0
