"""ONNX operators that are products: of matrices, of einsum's letters, attention, recurrent ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .calls import Call, Unknown
from .values import Shape, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PRODUCTS", "aligned", "attended", "broadcast", "multiplied", "summed"]

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,->")
RECURRENT = {"LSTM": ("lstm", 4), "GRU": ("gru", 3), "RNN": ("rnn", 1)}


def broadcast(call: Call, *shapes: Shape) -> Shape:
    """Return the shape that shapes broadcast to."""
    rank = max(map(len, shapes), default=0)
    result = [1] * rank
    for shape in shapes:
        for axis, size in enumerate(shape, rank - len(shape)):
            if size != 1 and result[axis] not in (1, size):
                raise call.wrong(f"shapes {' and '.join(map(str, shapes))} do not broadcast")
            if size != 1:
                result[axis] = size
    return tuple(result)


def aligned(call: Call, value: Value, other: Value) -> Value:
    """Return the second of two values as it broadcasts: of old from an axis that is told."""
    if not call.attribute("broadcast", 0) or "axis" not in call.fields:
        return other
    rank, shape = len(call.shape_of(value)), call.shape_of(other)
    axis = call.axis(int(call.attribute("axis", 0)), rank)
    return call.view(other, (*shape, *[1] * (rank - axis - len(shape))), None)


def summed(call: Call, value: Value, other: Value, place: int | None = 0) -> Value:
    """Give a sum, of two values or with a constant."""
    if value.number is None:
        value, other = other, value
    shape = broadcast(call, call.shape_of(value), call.shape_of(other))
    if value.number is not None and other.number is not None:
        return call.give("add", [value, other], shape, place)
    if value.number is not None and shape == value.shape:
        count = math.prod(call.shape_of(other))
        params = call.weigh(other, role="factor")
        return call.give("scale", [value], shape, place, mode="add", params=params, count=count)
    held = None if value.number is None else call.weigh(other, role="factor")
    return call.give("elementwise", [value, other], shape, place, name="add", params=held)


def _linear(
    call: Call,
    value: Value,
    weight: Value,
    sizes: tuple[int, int],
    bias: Value | None,
    place: int | None,
    dtype: int | None,
) -> Value:
    """Give a linear layer over the last axis."""
    shape = call.shape_of(value)
    into, out = sizes
    implied = into * out + (out if bias is not None else 0)
    return call.give(
        "linear", [value], (*shape[:-1], out), place, dtype,
        in_channels=into, out_channels=out, bias=bias is not None, weight_bits=weight.bits,
        **call.counted(value, weight, bias, implied=implied),
    )  # fmt: skip


def _turned(call: Call, value: Value) -> Value:
    """Return a value with its last two axes exchanged, by another way of reading."""
    shape = call.shape_of(value)
    return call.view(value, (*shape[:-2], shape[-1], shape[-2]), None)


def multiplied(
    call: Call,
    left: Value,
    right: Value,
    place: int | None = 0,
    dtype: int | None = None,
    bias: Value | None = None,
) -> Value:
    """Give a product of matrices as numpy's matmul makes it.

    bias: a constant with one number for each column, where right is a constant matrix.
    """
    a, b = call.shape_of(left), call.shape_of(right)
    if len(a) == 0 or len(b) == 0:
        raise call.wrong("it must read matrices, got a single number")
    rows, columns = (a[-2] if len(a) > 1 else 1), (b[-1] if len(b) > 1 else 1)
    inner = a[-1]
    if inner != (b[-2] if len(b) > 1 else b[0]):
        raise call.wrong(f"shapes {a} and {b} do not fit")
    outer = broadcast(call, a[:-2], b[:-2])
    shape = (*outer, *((rows,) if len(a) > 1 else ()), *((columns,) if len(b) > 1 else ()))
    if 0 in shape or 0 in a or 0 in b or (left.number is None and right.number is None):
        call._more = (left, right)
        return call.give("matmul", [left, right], shape, place, dtype)
    batch = math.prod(outer)
    if left.number is not None and right.number is not None:
        first, second = math.prod(a[:-2]), math.prod(b[:-2])
        if second == 1:
            batch, rows = 1, batch * rows
        elif first == 1:
            batch, columns = 1, batch * columns
        else:
            left = _expanded(call, left, (*outer, *a[-2:]))
            right = _expanded(call, right, (*outer, *b[-2:]))
        return call.give(
            "matmul", [left, right], shape, place, dtype,
            batch=batch, rows=rows, inner=inner, columns=columns,
        )  # fmt: skip
    if right.number is None:
        many = math.prod(b[:-2])
        if many == 1:
            flat = left if left.shape and left.shape[-1] == inner else call.view(left, a, None)
            made = _linear(call, flat, right, (inner, columns), bias, None, dtype)
            return _shaped(call, made, shape, place)
        return _grouped(call, left, right, (batch, many, rows, inner, columns), shape, place, dtype)
    many = math.prod(a[:-2])
    if many == 1:
        turned = _turned(call, right) if len(b) > 1 else right
        made = _linear(call, turned, left, (inner, rows), None, None, dtype)
        back = _turned(call, made) if len(b) > 1 else made
        return _shaped(call, back, shape, place)
    turned = _turned(call, right) if len(b) > 1 else right
    sizes = (batch, many, columns, inner, rows)
    return _grouped(call, turned, left, sizes, shape, place, dtype)


def _expanded(call: Call, value: Value, shape: Shape) -> Value:
    if math.prod(shape) == math.prod(call.shape_of(value)):
        return value
    return call.give("move", [value], shape, None, mode="expand")


def _shaped(call: Call, value: Value, shape: Shape, place: int | None) -> Value:
    made = call.view(value, shape, None)
    if place is not None:
        call.set(place, made)
    return made


def _grouped(
    call: Call,
    value: Value,
    weight: Value,
    sizes: tuple[int, int, int, int, int],
    shape: Shape,
    place: int | None,
    dtype: int | None,
) -> Value:
    """Several matrices of weights, each for its own part: a convolution of as many groups."""
    batch, many, rows, inner, columns = sizes
    held = math.prod(call.shape_of(value)) // (inner * rows)
    each = batch // many  # products with the same matrix
    if held < batch:  # every matrix reads the same numbers
        value = call.give("move", [value], (batch, rows, inner), None, mode="expand")
    spots = each * rows
    seen = call.view(value, (1, many * inner, spots, 1), None)
    implied = many * inner * columns
    made = call.give(
        "conv", [seen], (1, many * columns, spots, 1), None, dtype,
        in_channels=many * inner, out_channels=many * columns, groups=many, bias=False,
        kernel=(1, 1), stride=(1, 1), dilation=(1, 1), padding=(0, 0, 0, 0),
        weight_bits=weight.bits, **call.counted(value, weight, implied=implied),
    )  # fmt: skip
    return _shaped(call, made, shape, place)


def _matmul(call: Call) -> None:
    multiplied(call, call.value(0), call.value(1))


def gemm(call: Call, a: Value, b: Value, c: Value | None, dtype: int | None = None) -> None:
    """Give a product of two matrices and a sum with a third one."""
    if len(call.shape_of(a)) != 2 or len(call.shape_of(b)) != 2:
        raise call.wrong(f"it must read matrices, got {a.shape} and {b.shape}")
    left = _turned(call, a) if call.attribute("transA", 0) else a
    right = _turned(call, b) if call.attribute("transB", 0) else b
    columns = call.shape_of(right)[1]
    own = None
    if c is not None and right.is_constant and c.is_constant and left.number is not None:
        size = call.shape_of(c)
        if math.prod(size) == columns and (not size or size[-1] == columns):
            own = c
    made = multiplied(call, left, right, 0, dtype, own)
    if c is not None and own is None:
        summed(call, made, c)


def _gemm(call: Call) -> None:
    gemm(call, call.value(0), call.value(1), call.get(2))


# Einsum


def _terms(call: Call, shapes: Sequence[Shape]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result, an ellipsis as capital letters."""
    text = call.attribute("equation", b"").decode(errors="replace").replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes) or not set(text) <= _LETTERS:
        raise call.wrong(f"equation {text[:80]!r} does not fit {len(shapes)} inputs")
    free = [chr(one) for one in range(0x3B1, 0x3CA)]
    result = []
    widest = 0
    for term, shape in zip(terms, shapes, strict=True):
        if "..." in term:
            spare = len(shape) - (len(term) - 3)
            if not 0 <= spare <= len(free):
                raise call.wrong(f"equation {text[:80]!r} does not fit shape {shape}")
            widest = max(widest, spare)
            term = term.replace("...", "".join(free[len(free) - spare :]))
        if len(term) != len(shape) or "." in term:
            raise call.wrong(f"equation {text[:80]!r} does not fit shape {shape}")
        result.append(term)
    dots = "".join(free[len(free) - widest :])
    if not arrow:
        every = "".join(result)
        once = sorted(one for one in set(every) if every.count(one) == 1 and one not in dots)
        return result, dots + "".join(once)
    return result, right.replace("...", dots)


def _einsum(call: Call) -> None:
    values = [call.value(place) for place in range(len(call.inputs))]
    terms, target = _terms(call, [call.shape_of(one) for one in values])
    sizes: dict[str, int] = {}
    for term, value in zip(terms, values, strict=True):
        for letter, size in zip(term, call.shape_of(value), strict=True):
            if sizes.get(letter, 1) == 1:
                sizes[letter] = size
            elif size not in (1, sizes[letter]):
                raise call.wrong(f"sizes of {letter!r} differ: {sizes[letter]} and {size}")
    if any(letter not in sizes for letter in target):
        raise call.wrong(f"its result names axes that no input has: {target[:40]!r}")
    value, term = _reduced(call, values[0], terms[0], set("".join(terms[1:])) | set(target), sizes)
    for place in range(1, len(values)):
        later = set("".join(terms[place + 1 :])) | set(target)
        other, letters = _reduced(call, values[place], terms[place], later | set(term), sizes)
        value, term = _paired(call, value, term, other, letters, later, sizes)
    shape = tuple(sizes[letter] for letter in target)
    if term == target or [one for one in term if sizes[one] > 1] == [
        one for one in target if sizes[one] > 1
    ]:
        made = call.view(value, shape, None)
    else:
        made = call.give("move", [value], shape, None, mode="permute")
    call.set(0, made)


def _reduced(
    call: Call, value: Value, term: str, kept: set[str], sizes: dict[str, int]
) -> tuple[Value, str]:
    """Sum over the letters that nothing else has, and take diagonals."""
    letters = "".join(dict.fromkeys(term))
    if len(letters) < len(term):
        shape = [sizes[one] for one in letters]
        value = call.give("view", [value], shape, None, partly=True)
    rest = "".join(one for one in letters if one in kept)
    if rest != letters:
        value = call.give("reduce", [value], [sizes[one] for one in rest], None, name="sum")
    return value, rest


def _paired(
    call: Call,
    left: Value,
    first: str,
    right: Value,
    second: str,
    later: set[str],
    sizes: dict[str, int],
) -> tuple[Value, str]:
    """Multiply two operands of an einsum, as torch does: one product of matrices, or of numbers."""
    shared = [one for one in first if one in second]
    inner = [one for one in shared if one not in later]
    both = [one for one in shared if one in later]
    rows = [one for one in first if one not in second]
    columns = [one for one in second if one not in first]
    term = "".join((*both, *rows, *columns))
    shape = [sizes[one] for one in term]
    if not inner:
        if left.number is not None and right.number is not None:
            return call.give("mul", [left, right], shape, None), term
        return scaled(call, left, right, shape), term
    count = {
        name: math.prod(sizes[one] for one in letters)
        for name, letters in (("b", both), ("m", rows), ("k", inner), ("n", columns))
    }
    if left.number is None and right.number is None:
        return call.give("matmul", [left, right], shape, None), term
    a = _as_matrices(
        call, left, first, [*both, *rows, *inner], (count["b"], count["m"], count["k"])
    )
    b = _as_matrices(
        call, right, second, [*both, *inner, *columns], (count["b"], count["k"], count["n"])
    )
    made = multiplied(call, a, b, None)
    return call.view(made, shape, None), term


def _as_matrices(
    call: Call, value: Value, term: str, order: list[str], shape: tuple[int, int, int]
) -> Value:
    """Return a value as matrices; a runtime permutes no weights, and reads others as they are."""
    if math.prod(call.shape_of(value)) != math.prod(shape):  # an axis of 1 that broadcasts
        return call.give("move", [value], shape, None, mode="expand")
    made = call.view(value, shape, None)
    if shape[0] == 1 and made.is_constant:
        return call.view(made, shape[1:], None)
    return made


def scaled(
    call: Call, left: Value, right: Value, shape: Sequence[int], place: int | None = None
) -> Value:
    """Give a product with a constant."""
    if left.number is None:
        left, right = right, left
    if left.number is None:
        return call.give("elementwise", [left, right], shape, place)
    params = call.weigh(right, role="factor")
    if tuple(shape) != left.shape:
        return call.give("elementwise", [left, right], shape, place, name="mul", params=params)
    count = math.prod(call.shape_of(right))
    return call.give("scale", [left], shape, place, mode="mul", params=params, count=count)


# Attention


def attended(
    call: Call,
    query: Value,
    key: Value,
    value: Value,
    mask: Value | None = None,
    place: int | None = 0,
) -> Value:
    """Give attention of (batch, heads, tokens, features), keys of fewer heads repeated."""
    q, k, v = (call.shape_of(one) for one in (query, key, value))
    if not len(q) == len(k) == len(v) == 4 or q[3] != k[3] or k[2] != v[2]:
        raise call.wrong(f"query, key and value do not fit: {q}, {k} and {v}")
    if not k[1] or q[1] % k[1]:
        raise call.wrong(f"{q[1]} heads of queries must be a multiple of {k[1]} of keys")
    batch, heads = q[0], q[1]
    if q[1] != k[1]:
        key = call.give("move", [key], (batch, heads, *k[2:]), None, mode="expand")
        value = call.give("move", [value], (batch, heads, *v[2:]), None, mode="expand")
    scores = (batch, heads, q[2], k[2])
    sizes = {"batch": batch * heads, "rows": q[2]}
    made = call.give("matmul", [query, key], scores, None, inner=q[3], columns=k[2], **sizes)
    made = call.give("scale", [made], scores, None, mode="mul", params=0, count=1)
    if mask is not None and mask.shape is not None and 0 not in mask.shape:
        if mask.number is not None:
            made = call.give("add", [made, mask], scores, None)
        else:
            count = math.prod(call.shape_of(mask))
            params = call.weigh(mask, role="factor")
            made = call.give("scale", [made], scores, None, mode="add", params=params, count=count)
    made = call.give("act", [made], scores, None, name="softmax")
    out = (batch, heads, q[2], v[3])
    return call.give("matmul", [made, value], out, place, inner=k[2], columns=v[3], **sizes)


def split_heads(call: Call, value: Value, heads: int) -> Value:
    """Return (batch, tokens, heads * features) as (batch, heads, tokens, features)."""
    shape = call.shape_of(value)
    if len(shape) == 4:
        return value
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise call.wrong(f"it must read (batch, tokens, features of {heads} heads), got {shape}")
    return call.view(value, (shape[0], heads, shape[1], shape[2] // heads), None)


def with_past(call: Call, past: Value | None, value: Value, place: int) -> Value:
    """Return keys or values after those of the tokens before."""
    if past is None or not call.shape_of(past) or 0 in call.shape_of(past):
        call.set(place, value)
        return value
    before, shape = call.shape_of(past), call.shape_of(value)
    if len(before) != 4 or before[:2] != shape[:2]:
        raise call.wrong(f"what it read before does not fit: {before} and {shape}")
    whole = (*shape[:2], before[2] + shape[2], shape[3])
    made = call.give("move", [past, value], whole, None, mode="concat")
    call.set(place, made)
    return made


def _attention(call: Call) -> None:
    """Attention of ai.onnx, since opset 23."""
    query, key, value = (call.value(place) for place in range(3))
    flat = len(call.shape(0)) == 3
    q = split_heads(call, query, int(call.attribute("q_num_heads", 0)))
    k = split_heads(call, key, int(call.attribute("kv_num_heads", 0)))
    v = split_heads(call, value, int(call.attribute("kv_num_heads", 0)))
    k, v = with_past(call, call.get(4), k, 1), with_past(call, call.get(5), v, 2)
    made = attended(call, q, k, v, call.get(3), None)
    shape = call.shape_of(made)
    if flat:
        made = call.view(made, (shape[0], shape[2], shape[1] * shape[3]), None)
    call.set(0, made)
    scores = (*shape[:3], call.shape_of(k)[2])
    if len(call.results) > 3:
        call.give("view", [made], scores, 3, partly=True)


def _linear_attention(call: Call) -> None:
    """LinearAttention: keys and values summed up to a state, which queries read."""
    many, fewer = int(call.attribute("q_num_heads", 0)), int(call.attribute("kv_num_heads", 0))
    q, k, v = (
        split_heads(call, call.value(place), heads)
        for place, heads in ((0, many), (1, fewer), (2, fewer))
    )
    n, heads, tokens, inner = call.shape_of(q)
    width = call.shape_of(v)[3]
    if not fewer or many % fewer or call.shape_of(k) != (n, fewer, tokens, inner):
        raise call.wrong(f"query, key and value do not fit: {q.shape}, {k.shape} and {v.shape}")
    state = call.give(
        "matmul", [k, v], (n, fewer, inner, width), None,
        batch=n * fewer, rows=inner, inner=tokens, columns=width,
    )  # fmt: skip
    past = call.get(3)
    if past is not None and past.number is not None:
        state = call.give("add", [state, past], (n, fewer, inner, width), None)
    call.set(1, state)
    state = _expanded(call, state, (n, heads, inner, width))
    made = call.give(
        "matmul", [q, state], (n, heads, tokens, width), None,
        batch=n * heads, rows=tokens, inner=inner, columns=width,
    )  # fmt: skip
    call.view(made, (n, tokens, heads * width))


# Recurrent layers


def _recurrent(call: Call) -> None:
    mode, gates = RECURRENT[call.operator]
    value, weight, again = call.value(0), call.value(1), call.value(2)
    bias = call.get(3)
    shape, dims = call.shape(0), call.shape(1)
    hidden = call.shape(2)[-1]
    if len(shape) != 3 or len(dims) != 3 or dims[2] != shape[2] or dims[1] != gates * hidden:
        raise call.wrong(f"its weights {dims} do not fit {shape} and {hidden} hidden numbers")
    if weight.number is not None or again.number is not None:
        raise Unknown("its weights are computed")
    directions = dims[0]
    batch_first = bool(call.attribute("layout", 0))
    batch, steps = (shape[0], shape[1]) if batch_first else (shape[1], shape[0])
    each = gates * hidden * (shape[2] + hidden)
    biased = bias is not None and bias.number is None
    implied = directions * (each + (2 * gates * hidden if biased else 0))
    states = [one for place in (5, 6) if (one := call.get(place)) is not None]
    states = [one for one in states if one.number is not None]
    made = call.give(
        "recurrent", [value, *states], (*shape[:2], directions * hidden), None,
        mode=mode, hidden=hidden, directions=directions, bias=biased, weight_bits=weight.bits,
        **call.counted(value, weight, again, bias, implied=implied),
    )  # fmt: skip
    whole = (
        (batch, steps, directions, hidden) if batch_first else (steps, directions, batch, hidden)
    )
    last = (batch, directions, hidden) if batch_first else (directions, batch, hidden)
    if call.wants(0):
        call.view(made, whole, 0)
    for place in (1, 2):
        if call.wants(place):
            if steps == 1:
                call.view(made, last, place)
            else:
                call.give("view", [made], last, place, partly=True)


PRODUCTS: dict[str, Callable[[Call], None]] = {
    "MatMul": _matmul,
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Attention": _attention,
    "LinearAttention": _linear_attention,
    **dict.fromkeys(RECURRENT, _recurrent),
}
