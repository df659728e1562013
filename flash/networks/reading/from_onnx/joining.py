"""Norms and activations that exporters of old write as a dozen operators, joined to one each.

Runtimes join them as well, and torch has one of its own for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..operations import Operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["joined"]


def joined(operations: Sequence[Operation], returned: Iterable[int]) -> list[Operation]:
    """Return operations in which layer norms, rms norms, gelu and hardswish are one each."""
    return _Joining(operations, set(returned)).run()


class _Joining:
    def __init__(self, operations: Sequence[Operation], returned: set[int]) -> None:
        self.operations = operations
        self.returned = returned
        self.makers = {one.output: one for one in operations}
        self.readers: dict[int, list[Operation]] = {}
        for one in operations:
            for number in dict.fromkeys(one.inputs):
                self.readers.setdefault(number, []).append(one)
        self.gone: set[int] = set()  # results that nothing has any more
        self.made: dict[int, Operation] = {}  # by the result that they hand on

    def run(self) -> list[Operation]:
        for one in self.operations:
            if one.output in self.gone or one.output in self.made:
                continue
            if one.kind == "reduce" and one.fields.get("name") == "mean":
                self._norm(one)
            elif one.kind == "norm" and one.fields.get("mode") == "instance":
                self._groups(one)
            elif _is(one, "erf") or (one.kind == "act" and one.fields.get("name") == "tanh"):
                self._gelu(one)
                self._mish(one)
            elif one.kind == "act" and one.fields.get("name") == "relu6":
                self._hard(one)
        result = []
        for one in self.operations:
            if one.output in self.made:
                result.append(self.made[one.output])
            elif one.output not in self.gone:
                result.append(one)
        return result

    def _replace(self, parts: Sequence[Operation], kind: str, source: int, **fields: Any) -> None:
        """Put one operation in the place of several, the last of which hands on the result."""
        inner = {one.output for one in parts}
        last = parts[-1]
        for one in parts[:-1]:
            outside = any(reader.output not in inner for reader in self.readers.get(one.output, ()))
            if outside or one.output in self.returned or one.output in self.gone:
                return
        self.gone |= inner - {last.output}
        self.made[last.output] = Operation(
            kind, (source,), last.output, last.shape, last.path, last.cell, last.bits, **fields
        )

    def _next(self, number: int, *others: Operation) -> Operation | None:
        """Return what alone reads a value, beside others."""
        found = [one for one in self.readers.get(number, ()) if one not in others]
        return found[0] if len(found) == 1 else None

    def _norm(self, mean: Operation) -> None:
        source = mean.inputs[0]
        maker = self.makers.get(source)
        if maker is not None and _is_square(maker):
            self._rms(mean, maker)
            return
        away = self._next(mean.output)
        if away is None or not _is(away, "sub") or away.inputs != (source, mean.output):
            return
        squares = [one for one in self.readers.get(away.output, ()) if _is_square(one)]
        if len(squares) != 1:
            return
        inner = self._next(squares[0].output)
        if inner is None or inner.kind != "reduce" or inner.fields.get("name") != "mean":
            return
        parts = [mean, away, squares[0], inner]
        self._finish(parts, source, away.output, "layer")

    def _rms(self, mean: Operation, square: Operation) -> None:
        self._finish([square, mean], square.inputs[0], square.inputs[0], "rms")

    def _finish(self, parts: list[Operation], source: int, value: int, mode: str) -> None:
        """Find the rest of a norm: the root, the quotient and the gains."""
        last = self._next(parts[-1].output)
        if last is not None and _is_scale(last, "add"):
            parts.append(last)
            last = self._next(last.output)
        if last is None or not (_is(last, "sqrt") or _is(last, "pow")):
            return
        parts.append(last)
        end = self._next(last.output)
        if end is not None and (_is(end, "reciprocal") or _is(end, "div")) and len(end.inputs) == 1:
            parts.append(end)
            last, end = end, self._next(end.output)
        if end is None or set(end.inputs) != {value, last.output}:
            return
        if not (_is(end, "div") or end.kind == "mul"):
            return
        parts.append(end)
        params = 0
        for kind in ("mul", "add") if mode == "layer" else ("mul",):
            gain = self._next(parts[-1].output)
            if gain is None or not _is_scale(gain, kind) or not gain.fields.get("params"):
                break
            params += gain.fields["params"]
            parts.append(gain)
        sizes = zip(parts[-1].shape, _small(parts).shape, strict=False)
        axes = [axis for axis, (whole, small) in enumerate(sizes) if small == 1 < whole]
        rank = len(parts[-1].shape)
        more = {"axis": axes[0]} if axes and axes != [rank - 1] and len(axes) == 1 else {}
        self._replace(parts, "norm", source, mode=mode, params=params, **more)

    def _groups(self, norm: Operation) -> None:
        """An instance norm of groups of channels, and gains of the channels: a group norm."""
        before, after = self.makers.get(norm.inputs[0]), self._next(norm.output)
        if before is None or before.kind != "view" or after is None or after.kind != "view":
            return
        source = self.makers.get(before.inputs[0])
        shape = after.shape
        if norm.fields.get("params") or before.fields.get("partly") or after.fields.get("partly"):
            return
        if (
            len(before.shape) != 3
            or len(shape) < 3
            or (source is not None and source.shape != shape)
        ):
            return
        parts, params = [before, norm, after], 0
        for kind in ("mul", "add"):
            gain = self._next(parts[-1].output)
            if (
                gain is None
                or not _is_scale(gain, kind)
                or gain.fields.get("params", 0) != shape[1]
            ):
                break
            params += shape[1]
            parts.append(gain)
        self._replace(parts, "norm", before.inputs[0], mode="group", params=params)

    def _gelu(self, curve: Operation) -> None:
        """x * (1 + erf(x / sqrt 2)) / 2, in any order, and the same by tanh."""
        scaled = self.makers.get(curve.inputs[0])
        more = self._next(curve.output)
        if scaled is None or not _is_scale(scaled, "mul") or more is None:
            return
        if not _is_scale(more, "add") or scaled.output in self.gone:
            return
        parts = [scaled]
        source = scaled.inputs[0]
        cubed = self.makers.get(source)
        if curve.kind == "act":
            if cubed is None or cubed.kind != "add":
                return
            parts = self._cubic(cubed, scaled)
            if not parts:
                return
            source = next(one for one in cubed.inputs if one != parts[-3].output)
        parts += [curve, more]
        product = self._next(more.output)
        if product is None:
            return
        if _is_scale(product, "mul"):
            parts.append(product)
            product = self._next(product.output)
        if product is None or product.kind != "mul":
            return
        other = next((one for one in product.inputs if one != parts[-1].output), None)
        half = self.makers.get(other) if other is not None else None
        if other == source:
            pass
        elif half is not None and _is_scale(half, "mul") and half.inputs == (source,):
            parts.append(half)
        else:
            return
        parts.append(product)
        end = self._next(product.output)
        if end is not None and _is_scale(end, "mul") and end.fields.get("count") == 1 and (
            other == source and all(one.kind != "scale" for one in parts[parts.index(more) + 1 :])
        ):  # fmt: skip
            parts.append(end)
        self._replace(parts, "act", source, name="gelu")

    def _cubic(self, total: Operation, scaled: Operation) -> list[Operation]:
        """Return what makes x + c x^3, and what is read of it."""
        for number in total.inputs:
            inner = self.makers.get(number)
            if inner is None or not _is_scale(inner, "mul"):
                continue
            other = next(one for one in total.inputs if one != number)
            power = self.makers.get(inner.inputs[0])
            if power is None:
                continue
            if _is(power, "pow") and power.inputs == (other,):
                return [power, inner, total, scaled]
            square = next((m for n in power.inputs if (m := self.makers.get(n)) is not None
                           and _is_square(m) and m.inputs[0] == other), None)  # fmt: skip
            if power.kind == "mul" and other in power.inputs and square is not None:
                return [square, power, inner, total, scaled]
        return []

    def _mish(self, curve: Operation) -> None:
        """x * tanh(softplus(x))."""
        soft = self.makers.get(curve.inputs[0])
        product = self._next(curve.output)
        if soft is None or product is None or soft.fields.get("name") != "softplus":
            return
        if product.kind == "mul" and set(product.inputs) == {soft.inputs[0], curve.output}:
            self._replace([soft, curve, product], "act", soft.inputs[0], name="mish")

    def _hard(self, clip: Operation) -> None:
        """x * clip(x + 3, 0, 6) / 6, the quotient before or after."""
        shifted = self.makers.get(clip.inputs[0])
        if shifted is None or not _is_scale(shifted, "add") or shifted.fields.get("count") != 1:
            return
        source, parts = shifted.inputs[0], [shifted, clip]
        end = self._next(clip.output)
        if end is not None and _is_scale(end, "mul") and end.fields.get("count") == 1:
            parts.append(end)
            product = self._next(end.output)
            inputs = set() if product is None else set(product.inputs)
            if product is not None and product.kind == "mul" and inputs == {source, end.output}:
                self._replace([*parts, product], "act", source, name="hardswish")
                return
            self._replace(parts, "act", source, name="hardsigmoid")
        elif end is not None and end.kind == "mul" and set(end.inputs) == {source, clip.output}:
            last = self._next(end.output)
            if last is not None and _is_scale(last, "mul") and last.fields.get("count") == 1:
                self._replace([*parts, end, last], "act", source, name="hardswish")


def _is(one: Operation, name: str) -> bool:
    return one.kind == "elementwise" and one.fields.get("name") == name


def _is_scale(one: Operation, mode: str) -> bool:
    return one.kind == "scale" and one.fields.get("mode") == mode


def _is_square(one: Operation) -> bool:
    if one.kind == "mul":
        return len(one.inputs) == 2 and one.inputs[0] == one.inputs[1]
    return _is(one, "pow") and len(one.inputs) == 1


def _small(parts: Sequence[Operation]) -> Operation:
    """Return the mean of a norm."""
    return next(one for one in parts if one.kind == "reduce")
