"""The spaces of NAS-Bench-Macro and NAS-Bench-201, whose networks were all trained.

The spaces alone: their accuracies are files of their own, read by `TableEvaluator`. Each network
follows the definition that its accuracy was trained with, so that targets charge what was trained.
"""

from __future__ import annotations

import re

from ..errors import FormatError
from ..networks.rows import Rows
from .network_space import NetworkSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ..networks.network import Network

__all__ = ["NasBench201", "NasBenchMacro", "nas_bench_201", "nas_bench_macro"]


class NasBenchMacro(NetworkSpace):
    """NAS-Bench-Macro (Su et al., arXiv 2103.11922): 8 positions of 3 blocks, 6,561 networks.

    Block 0 is the identity, 1 an inverted residual of expansion 3 and kernel 3, 2 one of expansion
    6 and kernel 5. A network's name is its 8 digits. Where a stage's identities stand among its
    blocks of stride 1 makes no difference: 3,969 of the networks differ.
    """

    family = "nas-bench-macro"
    lengths: tuple[int, ...] = (3,) * 8
    variables: tuple[str, ...] = tuple([f"block_{position}" for position in range(8)])
    groups: tuple[tuple[int, ...], ...] = tuple([(position,) for position in range(8)])

    def name(self, row: Sequence[int]) -> str:
        return "".join(map(str, row))

    def parse(self, name: str) -> tuple[int, ...]:
        if not re.fullmatch("[012]{8}", name):
            raise FormatError(f"a network of nas-bench-macro is 8 digits 0, 1 or 2, got {name!r}")
        return tuple(map(int, name))

    def network(self, row: Sequence[int]) -> Network:
        return nas_bench_macro(self.name(row))

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        import numpy as np

        found = rows.copy()
        for first, last in ((1, 2), (3, 5), (6, 8)):  # of stride 1: identities go to the end
            part = found[:, first:last]
            order = np.argsort(part == 0, axis=1, kind="stable")
            found[:, first:last] = np.take_along_axis(part, order, axis=1)
        return found


OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # (to, from), in the order of a name


class NasBench201(NetworkSpace):
    """NAS-Bench-201 (Dong and Yang, arXiv 2001.00326): 6 edges of 5 operations, 15,625 cells.

    Three stages of five equal cells, 16, 32 and 64 channels wide. The edges into one node of the
    cell belong together. A network's name is its ``arch_str``.
    """

    family = "nas-bench-201"
    lengths: tuple[int, ...] = (5,) * 6
    variables: tuple[str, ...] = tuple([f"edge_{source}_to_{node}" for node, source in EDGES])
    groups: tuple[tuple[int, ...], ...] = ((0,), (1, 2), (3, 4, 5))

    def name(self, row: Sequence[int]) -> str:
        texts = [f"{OPERATIONS[op]}~{source}" for op, (_, source) in zip(row, EDGES, strict=True)]
        nodes = [
            [t for t, (at, _) in zip(texts, EDGES, strict=True) if at == node] for node in (1, 2, 3)
        ]
        return "+".join(f"|{'|'.join(node)}|" for node in nodes)

    def parse(self, name: str) -> tuple[int, ...]:
        found = re.findall(r"([a-z0-9_]+)~(\d)", name)
        row = tuple([OPERATIONS.index(op) if op in OPERATIONS else -1 for op, _ in found])
        if len(row) != 6 or -1 in row or self.name(row) != name:
            raise FormatError(
                "a network of nas-bench-201 is an arch_str such as "
                f"'{self.name((0, 1, 2, 3, 4, 0))}', got {name!r}"
            )
        return row

    def network(self, row: Sequence[int]) -> Network | None:
        return nas_bench_201(self.name(row))


def nas_bench_macro(arch: str) -> Network:
    """Return a network of NAS-Bench-Macro: 8 digits, 0 identity, 1 MBConv e3 k3, 2 MBConv e6 k5.

    The first position of a stage has stride 2; an identity there is a 1x1 convolution.
    """
    table = Rows()
    at = table.conv(-1, 32, 3, norm=True)
    for number, digit in enumerate(arch):
        out = 64 if number < 2 else 128 if number < 5 else 256
        first = number in (0, 2, 5)
        if digit == "0":
            at = table.conv(at, out, 1, 2, norm=True) if first else at
            continue
        expansion, kernel = ((3, 3), (6, 5))[int(digit) - 1]
        hidden = table.channels[at] * expansion
        end = table.conv(at, hidden, 1, norm=True, activation="relu6")
        more = {"groups": hidden, "norm": True, "activation": "relu6"}
        end = table.conv(end, hidden, kernel, 2 if first else 1, **more)
        end = table.conv(end, out, 1, norm=True)
        at = end if first else table.join([end, at])
    at = table.conv(at, 1280, 1, norm=True, activation="relu6")
    return table.close(at, 10)


def nas_bench_201(arch: str, width: int = 16, repeats: int = 5) -> Network | None:
    """Return a network of NAS-Bench-201 from its arch_str, as the benchmark's own code runs it.

    Three stages of repeated cells, a residual block of stride 2 between them. Every edge is a row:
    one of "none" is zeros, and a branch whose end nobody reads is there too. Neither counts in the
    network's params and MACs (see `Network`): published counts, those of all edges, are the sums
    over its layers, and the same where every edge is read. Targets charge the rows that count, or
    all where their runtime executes them all. None where nothing of the image arrives at the end.
    """
    edges = [
        (node, int(source), name)
        for node, text in enumerate(arch.split("+"), 1)
        for name, source in re.findall(r"([a-z0-9_]+)~(\d)", text)
    ]
    fed = {0}
    for node, source, name in edges:
        if name != "none" and source in fed:
            fed.add(node)
    if 3 not in fed:
        return None
    table = Rows()
    at = table.conv(-1, width, 3, norm=True)
    for stage in range(3):
        out = width << stage
        if stage:
            end = table.conv(at, out, 3, 2, norm=True, activation="relu")
            end = table.conv(end, out, 3, norm=True, activation="relu")
            at = table.join([end, table.conv(table.pool(at, 2, 2), out, 1)])
        for _ in range(repeats):
            nodes = [at]
            for node in (1, 2, 3):
                ends = [(nodes[source], name) for where, source, name in edges if where == node]
                nodes.append(table.join([_edge(table, name, source, out) for source, name in ends]))
            at = nodes[3]
    return table.close(at, 10, norm="input", activation="relu")


def _edge(table: Rows, name: str, source: int, out: int) -> int:
    """Return the row that an edge hands on."""
    if name.startswith("nor_conv"):
        return table.conv(source, out, int(name[-1]), norm=True, activation="relu")
    if name == "skip_connect":
        return source
    if name == "avg_pool_3x3":
        return table.pool(source, 3, 1)
    return table.pool(source, 1, 1, "zero")
