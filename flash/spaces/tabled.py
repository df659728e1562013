"""What every space that compiles to tables has: choices, their numbering, and networks by number.

`SearchSpace` (the families) and `BlockSpace` (blocks of one's own) are of this kind. All that reads
compiled tables, from the search to sweeps and fronts, takes either.
"""

from __future__ import annotations

from ..base.checks import integer
from ..base.record import Record, cached
from ..errors import ArgumentError
from ..networks.families import MAX_SEED

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeVar

    from ..networks.cell_networks import Net

    N = TypeVar("N", bound=Net, covariant=True)

    class SpaceOf(Protocol[N]):
        """A space, of whatever make, whose networks are of a kind."""

        def decode(self, i: int | Sequence[int], /) -> N: ...

else:
    SpaceOf = None

__all__ = ["MAX_SAMPLE", "SpaceOf", "TabledSpace"]

MAX_SAMPLE = 10_000_000


class TabledSpace(Record):
    """Base of the spaces that compile to tables.

    Attributes
    ----------
    family : str
        Whose networks they are; results and files name it.
    size : int
        How many configurations there are, exactly.
    lengths : tuple of int
        Choices of each variable, counted.
    variables : tuple of str
        Their names, in order.
    groups : tuple of tuple of int
        Numbers of the variables that belong together: the global ones, then cell by cell.
    numbering : Numbering or None
        How rows of choice indices and flat indices stand for places in tables; None for the
        families, whose cells all have the same variables (`flash.spaces.index`).
    """

    if TYPE_CHECKING:  # what the spaces have: no fields of this class
        family: str
        numbering: Any

        @cached
        def size(self) -> int: ...
        @cached
        def lengths(self) -> tuple[int, ...]: ...
        @cached
        def variables(self) -> tuple[str, ...]: ...
        @property
        def groups(self) -> tuple[tuple[int, ...], ...]: ...
        def decode(self, i: int | Sequence[int]) -> Any: ...
        def to_dict(self) -> dict[str, Any]: ...
        @classmethod
        def from_dict(cls, data: Mapping[str, Any]) -> Any: ...
        @classmethod
        def load(cls, path: str | os.PathLike[str]) -> Any: ...
    else:
        numbering = None

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """Least and greatest choice index of each variable."""
        return [(0, length - 1) for length in self.lengths]

    def index(self, row: Sequence[int]) -> int:
        """Return the flat index of a row of choice indices (entries of surplus cells count not)."""
        from .index import flat_of

        return flat_of(self, row)

    def sample_indices(self, n: int, seed: int = 0) -> NDArray[np.int64]:
        """Return `n` distinct flat indices (all of them where the space has fewer).

        A shuffle stopped after n steps: the first m of n samples are the m samples of the same
        seed. Memory and time grow with n, not with the space.

        Parameters
        ----------
        n : int
            At most 10 million.
        seed : int, default 0
            The same seed gives the same indices, in any version.

        Returns
        -------
        int64 array, shape (n,)
            What `flash.evaluate` takes as it is. Of a space of 2^63 configurations or more: a list
            of ints.
        """
        from .sampling import indices

        n = min(integer("n", n, 0), self.size)
        if n > MAX_SAMPLE:
            raise ArgumentError(f"n must be at most {MAX_SAMPLE}, got {n}")
        found: NDArray[np.int64] = indices(self.size, n, integer("seed", seed, 0, MAX_SEED))
        return found

    def sample(self, n: int, seed: int = 0) -> list[Any]:
        """Return networks of `n` distinct flat indices, drawn uniformly.

        Parameters
        ----------
        n : int
            At most 10 million; a space with fewer configurations gives all of them.
        seed : int, default 0
            The same seed gives the same networks, in any version.
        """
        return [self.decode(index) for index in map(int, self.sample_indices(n, seed))]
