"""Memory that a network takes while it runs, by a schedule of its table.

The schedule is that of a runtime for inference as onnxruntime is one, without its habit of keeping
a freed buffer for a later value of the same size: one row after the other in the order of the
table, and

- a value is there from the row that makes it until its last reader has run; a row's inputs and its
  result are there together. What is handed out stays to the end, and so do the image and further
  inputs: they are the caller's.
- views and slices share the memory of what they look at, which is freed when all of them are read.
- an activation is applied in place, within its row; a row "act" of its own is, too, where nobody
  else reads its input. SiLU, GELU and others (`TWICE`) read their input after they have begun to
  write: a second map.
- a norm on the output of a convolution or linear layer is folded into it. So is one before it
  (``norm="input"``) where it normalises a convolution that nobody else reads; else it is a map of
  its own. A norm on the output of any other row is another map.
- a sum of two values of one shape is made by the convolution without activation that hands on one
  of them, the latter where both are such, if nobody else reads what it hands on: it runs when the
  other value is there, and writes onto that one where nobody else reads it either. Any other sum
  or product of values takes memory of its own. Learned scales that alone read a convolution or a
  product of values are folded into it.
- a transposed convolution holds what all its weights make of the input before that is added up.

Parameters are not in it (`weights_kib`), nor scratch memory of single kernels. Each number takes
the bits of its row, and the image's `Network.input_bits`: 32 where nobody said otherwise.

An image of 8 bits is not the caller's: runtimes for microcontrollers hold it among their own
values, and take its place for others when its last reader has run. That some of them compute
depthwise convolutions in place is not assumed.
"""

from __future__ import annotations

from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .network import Layer, Network

__all__ = ["KIB", "OWN", "Memory", "memory_of", "scheduled"]

KIB = 1024.0
# Activations that are computed from their input and a function of it: a second map
TWICE = ("gelu", "logsigmoid", "mish", "silu", "softsign")
NORMED = ("conv", "linear")  # what a norm is folded into
SCALED = ("conv", "matmul")  # what a scale is folded into
IMAGE = -1
OWN = 8  # bits of an image that is the runtime's own


class Memory(Record):
    """What a network's values take while it runs.

    Parameters
    ----------
    peak_kib : float
        The most that are there at once.
    row : int
        Where that is.
    by_row : tuple of float
        The most while each row runs; 0 for rows that do not count.
    """

    peak_kib: float
    row: int
    by_row: tuple[float, ...]


def memory_of(network: Network) -> Memory:
    """Return what a network's values take, by the schedule of this module: made once, then kept.

    Raises
    ------
    ArgumentError
        If its connections are not known.
    """
    kept: Memory | None = network.__dict__.get("_memory")
    if kept is None:
        from .counting import need_connections

        need_connections(network, "peak memory")
        kept = network.__dict__["_memory"] = scheduled(
            network.layers, network.input_shape, network.counted, network.outputs,
            network.input_bits,
        )  # fmt: skip
    return kept


def scheduled(
    layers: Sequence[Layer],
    image: tuple[int, int, int],
    counted: Sequence[tuple[int, ...] | None] | None = None,
    outputs: Sequence[int] | None = None,
    image_bits: int = 32,
) -> Memory:
    """Return the same of a network's rows.

    counted: see `Network.counted`. outputs: rows handed out; default the last one. image_bits: of
    each number of the image.
    """
    return _Schedule(layers, image, counted, outputs or (len(layers) - 1,), image_bits).run()


class _Schedule:
    """Values while a network runs, each in a place of so many bytes that several may share."""

    def __init__(
        self,
        layers: Sequence[Layer],
        image: tuple[int, int, int],
        found: Sequence[tuple[int, ...] | None] | None,
        outputs: Sequence[int],
        image_bits: int,
    ) -> None:
        self.layers: Sequence[Layer] = layers
        self.inputs: list[tuple[int, ...] | None] = (
            [_read(layer) for layer in self.layers] if found is None else list(found)
        )
        self.readers: list[list[int]] = [[] for _ in self.layers]
        self.reads: int = 0  # of the image, that are to come; it is kept where it is the caller's
        for number, inputs in enumerate(self.inputs):
            for row in inputs or ():
                if row >= 0:
                    self.readers[row].append(number)
                elif image_bits == OWN:
                    self.reads += 1
        self.waiting: list[int] = [len(rows) for rows in self.readers]
        for row in outputs:
            self.waiting[row] += 1  # is never read by a row: it stays
        self.size: list[float] = [image_bits / 8 * _numbers(image)]  # of each place; 0: the image
        self.values: list[int] = [1]  # that are in each place and are yet to be read
        self.place: dict[int, int] = {IMAGE: 0}
        self.held: float = self.size[0]
        self.made_by: dict[int, int] = {}  # the convolution that makes a sum
        self.sums: dict[int, int] = {}  # the sum that a convolution makes
        self.postponed: set[int] = set()
        self._find_sums()
        for number, layer in enumerate(self.layers):
            if layer.kind == "input" and self.inputs[number] is not None:
                self.place[number] = self._new(_bytes(layer))
                self.waiting[number] += 1

    def run(self) -> Memory:
        by_row: list[float] = []
        for number, layer in enumerate(self.layers):
            if self.inputs[number] is None:
                by_row.append(0.0)
                continue
            most = self.held
            if number not in self.postponed and number not in self.place:
                made = self.made_by.get(number)
                if made in self.postponed:
                    most = self._step(made, self.layers[made])
                most = max(most, self._step(number, layer))
            by_row.append(most / KIB)
        peak = max([self.size[0] / KIB, *by_row])
        row = by_row.index(peak) if peak in by_row else 0
        return Memory(peak, row, tuple(by_row))

    def _step(self, number: int, layer: Layer) -> float:
        """Run a row; return the most bytes held meanwhile."""
        inputs = list(self.inputs[number] or ())
        most = self.held
        if layer.norm in ("input", "both") and not self._is_folded(inputs[0]):
            normed = self._new(layer.bits / 8 * _numbers(layer.shape_in))
            most = self.held
            self._done(inputs)
            inputs = []
        else:
            normed = None
        shared = self._shared(number, layer)
        if shared is None:
            self.place[number] = self._new(_bytes(layer))
        else:
            self.place[number] = shared
            self.values[shared] += 1
        most = max(most, self.held + _scratch(layer))
        self._done(inputs)
        if normed is not None:
            self._leave(normed)
        for _ in range(_more_maps(layer)):
            place = self._new(_bytes(layer))
            most = max(most, self.held)
            self._leave(self.place[number])
            self.place[number] = place
        if not self.waiting[number]:
            self._leave(self.place[number])
        return most

    def _new(self, size: float) -> int:
        self.size.append(size)
        self.values.append(1)
        self.held += size
        return len(self.size) - 1

    def _leave(self, place: int) -> None:
        self.values[place] -= 1
        if not self.values[place]:
            self.held -= self.size[place]

    def _done(self, inputs: Sequence[int]) -> None:
        """Let go of values that a row has read."""
        for row in inputs:
            if row < 0:
                self.reads -= 1
                if not self.reads:
                    self._leave(self.place[IMAGE])
                continue
            if row not in self.place:
                continue
            self.waiting[row] -= 1
            if not self.waiting[row]:
                self._leave(self.place[row])

    def _is_folded(self, row: int) -> bool:
        """Whether the norm of what a row reads is a part of the row that made it."""
        if row < 0:
            return False
        return self.layers[row].kind in NORMED and len(self.readers[row]) == 1

    def _shared(self, number: int, layer: Layer) -> int | None:
        """Return the place that a row's result takes over, or None for one of its own."""
        inputs = list(self.inputs[number] or ())
        kind = layer.kind
        if layer.is_free and inputs:
            return self.place.get(inputs[0])
        if kind == "act" and layer.activation not in TWICE:
            return self._taken_over(inputs[0], layer)
        if kind == "scale" and inputs[0] >= 0 and self.layers[inputs[0]].kind in SCALED:
            return self._taken_over(inputs[0], layer)
        if kind == "add":
            made = self.made_by.get(number)
            return None if made is None else self.place.get(made)
        if number not in self.sums:
            return None
        other = sum(self.inputs[self.sums[number]] or ()) - number
        return None if other in inputs else self._taken_over(other, layer)

    def _taken_over(self, row: int, layer: Layer) -> int | None:
        """Return the place of a value that nobody else reads and that is as large."""
        if row < 0 or row not in self.place or self.waiting[row] != 1:
            return None
        place = self.place[row]
        alone = self.values[place] == 1 and self.size[place] == _bytes(layer)
        return place if alone else None

    def _find_sums(self) -> None:
        """Note which convolution makes which sum, and runs with it where it came before."""
        for number, layer in enumerate(self.layers):
            inputs = list(self.inputs[number] or ())
            if layer.kind != "add" or len(inputs) != 2 or layer.channels or layer.reshaped:
                continue
            for row in sorted(inputs, reverse=True):
                if not self._makes_sums(row) or min(inputs) < 0:
                    continue
                if len({_bytes(self.layers[one]) for one in (*inputs, number)}) != 1:
                    continue
                if row != max(inputs):
                    if self.layers[row].norm in ("input", "both"):
                        continue
                    self.postponed.add(row)
                self.made_by[number], self.sums[row] = row, number
                break

    def _makes_sums(self, row: int) -> bool:
        if row < 0 or len(self.readers[row]) != 1 or self.waiting[row] != 1:
            return False
        layer = self.layers[row]
        return layer.kind == "conv" and layer.activation is None and not layer.transposed


def _read(layer: Layer) -> tuple[int, ...]:
    return () if layer.kind == "input" else tuple(layer.inputs or (IMAGE,))


def _numbers(shape: tuple[int, int, int]) -> int:
    channels, height, width = shape
    return channels * height * width


def _bytes(layer: Layer) -> float:
    return _numbers(layer.shape_out) * layer.bits / 8


def _scratch(layer: Layer) -> float:
    """Return what a kernel holds besides its inputs and its result."""
    if layer.kind != "conv" or not layer.transposed:
        return 0.0
    down, across = layer.kernel_size
    window = layer.kernel_frames * down * across
    return window * layer.out_channels * layer.frames * layer.height * layer.width * layer.bits / 8


def _more_maps(layer: Layer) -> int:
    """Return how often a row's result is written anew, into another map."""
    count = 0
    if layer.norm in ("output", "both") and layer.kind not in NORMED:
        count += 1
    if layer.activation in TWICE and layer.kind != "act":
        count += 1
    return count
