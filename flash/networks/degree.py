"""NN-Degree and NN-Mass: how well a network's topology lets gradients through, in closed form.

NN-Degree (FLASH, arXiv 2108.00568) is the average degree of a cell's channels, summed over cells;
its formula here is a reconstruction, since the paper's body could not be read. NN-Mass
(arXiv 1910.00780) is as in the public code SLDGroup/NN_Mass.
"""

from __future__ import annotations

from ..base.checks import choice, public, shown
from ..errors import ArgumentError, ArgumentTypeError
from .architecture import Architecture
from .topology import CellTopology, of_architecture, of_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeVar, overload

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from .cell_networks import Net

    T = TypeVar("T", bound=Net)

__all__ = ["cell_degree_fixed", "degree_fixed", "density", "nn_degree", "nn_mass"]

SCALE = 2.0**36
QUANTUM = 2.0**-36
MAX_ENTRY = 2.0**60
MAX_ARRAY = 1 << 28


def cell_degree_fixed(width_sum: int, convs: int, links: int) -> int:
    """Return a cell's NN-Degree in units of 2**-36.

    Parameters
    ----------
    width_sum : int
        Output channels of the cell's convolutions, summed: ``width * depth`` where all are alike.
    convs : int
        How many convolutions the cell has.
    links : int
        SC, its skip links: ``width`` times the long-range channels in a concatenation cell.

    Returns
    -------
    int
        ``rint(width_sum * (2**36 / convs)) + rint(links * (2**36 / width_sum))``, each operation
        in float64, as in the compiled core. The sum over cells times 2**-36 is `nn_degree`: exact,
        in any order.
    """
    return round(width_sum * (SCALE / convs)) + round(links * (SCALE / width_sum))


if TYPE_CHECKING:

    @overload
    def nn_degree(net: Net, *, counting: str = "links") -> float: ...
    @overload
    def nn_degree(
        net: list[T] | tuple[T, ...], *, counting: str = "links"
    ) -> NDArray[np.float64]: ...
    @overload
    def nn_degree(
        net: ArrayLike, depths: ArrayLike, links: ArrayLike, *, counting: str = "links"
    ) -> float | NDArray[np.float64]: ...


@public
def nn_degree(
    net: Net | list[Any] | tuple[Any, ...] | ArrayLike,
    depths: ArrayLike | None = None,
    links: ArrayLike | None = None,
    *,
    counting: str = "links",
) -> float | NDArray[np.float64]:
    """Return NN-Degree, the sum over cells of ``w + SC / (w d)``.

    Parameters
    ----------
    net : Architecture, Network, sequence of them, or array of shape (..., cells)
        As an array: the width w of each cell, its mean output channels per convolution.
    depths : array of shape (..., cells), optional
        With arrays only: the number d of convolutions of each cell; w d, the channels that they
        put out together, counts as the integer that it is but for the rounding of a mean.
    links : array of shape (..., cells), optional
        With arrays only: SC of each cell, its skip links: the sum over its layers of
        ``w * min(t, candidates)`` (concatenation), or over its blocks of residual channels times
        the block's output width (addition).
    counting : {"links", "channels"}, default "links"
        How SC counts a skip. "links": every channel that skips feeds all w channels of its layer,
        so SC is w times the channels. "channels": SC is the number of channels (arrays: links / w).

    Returns
    -------
    float, or array of shape (...)
        Rounded per cell to a multiple of 2**-36, so that sums are exact.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, or array values are not finite or out of range.

    Notes
    -----
    The paper's own wording of SC was not seen. Links are the default because they agree with its
    parent metric: NN-Degree is then about the sum of ``w + m / 2`` with m the NN-Mass of a cell (a
    proposition of arXiv 1910.00780). Counting channels makes the second term less than ``t / w``,
    so that the metric hardly responds to skips.

    In addition cells w is the mean of the output channels of the cell's convolutions, d their
    number, and SC the sum over blocks of residual channels times the block's output width.

    A Network is read through its adds and concats. Its cells are those that its layers are labelled
    with: `Architecture.network` labels them, and `Network.from_torch` and `Network.from_onnx` do
    where `Architecture.to_torch` or `to_onnx` made what they read. In any other network a cell is a
    maximal run, in the order of the table, of convolutions of one output size, stem and shortcut
    convolutions included, cut again where the width changes by a quarter or more: at a residual
    sum of another width than the one before, or in a chain without joins at such a convolution.
    Compare its NN-Degree with that of other networks read alike. Of what an add or a concat joins,
    the input with the most convolutions behind it is the main path. An input with fewer has
    skipped layers and counts as skip links; one with as many is a parallel branch and does not. A
    concatenation has links into convolutions of its own cell only.

    What only weighs a larger map, such as squeeze and excitation, does not count, and what has one
    input and is no convolution is passed through. A linear layer of each of several positions is a
    convolution of kernel 1; so a transformer has an NN-Degree (reconstruction: the paper has
    convolutional networks alone).

    Either way it follows width and hardly depth; compare it with parameters and MACs before
    relying on its ranking.
    """
    choice("counting", counting, ("links", "channels"))
    if depths is not None or links is not None:
        width, depth, link = _arrays(net, depths, links)
        return _degree_of_arrays(width, depth, link, counting)
    if isinstance(net, (list, tuple)):
        import numpy as np

        nets: Any = net
        return np.array([nn_degree(one, counting=counting) for one in nets], dtype=float)
    return degree_fixed(net, counting) * QUANTUM  # type: ignore[arg-type]


def degree_fixed(net: Net, counting: str = "links") -> int:
    """Return NN-Degree in units of 2**-36, an exact integer."""
    return sum(
        cell_degree_fixed(
            cell.width_sum, cell.convs, cell.links if counting == "links" else cell.channels
        )
        for cell in _topology(net)
    )


if TYPE_CHECKING:

    @overload
    def nn_mass(net: Net) -> float: ...
    @overload
    def nn_mass(net: list[T] | tuple[T, ...]) -> NDArray[np.float64]: ...
    @overload
    def nn_mass(
        net: ArrayLike, depths: ArrayLike, links: ArrayLike
    ) -> float | NDArray[np.float64]: ...


@public
def nn_mass(
    net: Net | list[Any] | tuple[Any, ...] | ArrayLike,
    depths: ArrayLike | None = None,
    links: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Return NN-Mass, the sum over cells of ``density * width * depth``.

    Parameters
    ----------
    net, depths, links
        As for `nn_degree`; arrays are read as concatenation cells.

    Returns
    -------
    float, or array of shape (...)

    Notes
    -----
    Addition cells sum over the blocks that carry a residual of s channels, with i input channels:
    ``2 s`` for a basic block (i + o at s = i = o), and ``(i + 2 h) s / (2 i + h)`` with h hidden
    channels for an inverted residual.
    """
    if depths is not None or links is not None:
        width, depth, link = _arrays(net, depths, links)
        return _scalar((_density_of_arrays(width, depth, link) * width * depth).sum(axis=-1))
    if isinstance(net, (list, tuple)):
        import numpy as np

        nets: Any = net
        return np.array([nn_mass(one) for one in nets], dtype=float)
    total = 0.0
    for cell in _topology(net):
        total += cell.mass
    return total


def density(
    net: Net | ArrayLike, depths: ArrayLike | None = None, links: ArrayLike | None = None
) -> tuple[float, ...] | NDArray[np.float64]:
    """Return the density of long-range links of each cell: those used over those possible.

    Parameters
    ----------
    net, depths, links
        As for `nn_degree`, but no sequence of networks.

    Returns
    -------
    tuple of float, one per cell, or array of shape (..., cells)
        0 in a cell where none is possible. As an array: SC over ``w**2 (d - 1) (d - 2) / 2``.
    """
    if depths is not None or links is not None:
        return _density_of_arrays(*_arrays(net, depths, links))
    return tuple(cell.channels / cell.possible if cell.possible else 0.0 for cell in _topology(net))


def _topology(net: object) -> Sequence[CellTopology]:
    if isinstance(net, Architecture):
        return of_architecture(net)
    from .network import Network

    if isinstance(net, Network):
        return of_network(net)
    from .spelled import spelled_out

    found = spelled_out(net)
    if found is not None:
        return of_network(found)
    raise ArgumentTypeError(
        "net must be an Architecture, a Network, or an array of widths together with depths and "
        f"links, got {shown(net)} ({type(net).__name__})"
    )


def _arrays(
    widths: object, depths: object, links: object
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    arrays = []
    for name, given, low in (("widths", widths, 1), ("depths", depths, 1), ("links", links, 0)):
        if given is None or isinstance(given, (str, Architecture)):
            raise ArgumentTypeError(
                f"{name} must be an array of shape (..., cells), as widths, depths and links "
                f"are given together, got {shown(given)}"
            )
        try:
            if isinstance(given, range) and len(given) > MAX_ARRAY:
                raise ValueError
            array = np.atleast_1d(np.asarray(given, dtype=np.float64))
        except (TypeError, ValueError, OverflowError):
            raise ArgumentTypeError(
                f"{name} must be numbers, got {shown(given)} ({type(given).__name__})"
            ) from None
        if not ((array >= low) & (array <= MAX_ENTRY)).all():
            raise ArgumentError(f"{name} must be from {low} to 2**60, got {shown(given)}")
        arrays.append(array)
    try:
        width, depth, link = np.broadcast_arrays(*arrays)
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise ArgumentError(
            f"widths, depths and links must have one shape (..., cells), got {shapes}"
        ) from None
    return width, depth, link


def _degree_of_arrays(
    width: NDArray[np.float64],
    depth: NDArray[np.float64],
    link: NDArray[np.float64],
    counting: str,
) -> float | NDArray[np.float64]:
    import numpy as np

    total = width * depth
    near = np.rint(total)
    total = np.where(np.abs(total - near) <= 2.0**-50 * total, near, total)
    skips = link if counting == "links" else link / width
    cells = np.rint(total * (SCALE / depth)) + np.rint(skips * (SCALE / total))
    # Beyond this the sum of fixed-point cells would leave 63 bits.
    if cells.size and float(cells.max()) * cells.shape[-1] >= 2.0**62:
        raise ArgumentError(
            "widths and links must keep NN-Degree below 2**26, "
            f"got {float(cells.max()) * QUANTUM} in a cell"
        )
    return _scalar(cells.astype(np.int64).sum(axis=-1) * QUANTUM)


def _density_of_arrays(
    width: NDArray[np.float64], depth: NDArray[np.float64], link: NDArray[np.float64]
) -> NDArray[np.float64]:
    import numpy as np

    possible = width * width * ((depth - 1) * (depth - 2) / 2)  # links, not channels
    return np.divide(link, possible, out=np.zeros(link.shape), where=possible > 0)


def _scalar(array: Any) -> float | NDArray[np.float64]:
    """Return a float for an array of no dimension, else the array."""
    return float(array) if array.ndim == 0 else array
