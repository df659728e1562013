"""Spaces of other papers: rows of choice indices that stand for a `Network` each.

A `SearchSpace` compiles to tables; here a row's network is built and charged one by one. Every
method searches both: it sees variables, how many choices each has, and which of them belong to one
cell.
"""

from __future__ import annotations

from ..base.checks import choice, faults, integer, is_list, public, shown
from ..base.record import Generic, Shown, cached
from ..errors import ArgumentError, ArgumentTypeError
from .index import digits_of, number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar, Self

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import TypeVar

    from ..base.html import Part
    from ..networks.cell_networks import Net
    from ..networks.network import Network

    N = TypeVar("N", bound=Net, default=Network, covariant=True)
else:
    N = None

__all__ = ["HOMES", "NetworkSpace", "network_space"]

# family -> (module, class)
HOMES: dict[str, tuple[str, str]] = {
    "nas-bench-macro": ("flash.spaces.nas_bench", "NasBenchMacro"),
    "nas-bench-201": ("flash.spaces.nas_bench", "NasBench201"),
    "pnas": ("flash.spaces.pnas", "PNASCells"),
    "bypass": ("flash.spaces.bypass", "BypassSpace"),
}
MAX_KEPT = 1 << 16  # networks whose costs a space keeps
MAX_TRIED = 10_000  # rows that are all decoded, where a network's own is looked for
_shared: dict[str, NetworkSpace[Any]] = {}


@public
class NetworkSpace(Shown, Generic[N]):
    """A space whose networks are made one at a time: base of those of other papers.

    A subclass sets `family`, `lengths`, `variables` and `groups`, and says how a row becomes a
    name and a network. Its constructor's arguments are `options`: plain data, kept in files.

    Attributes
    ----------
    family : str
        Name of the space.
    lengths : tuple of int
        Choices of each variable.
    variables : tuple of str
        Their names.
    groups : tuple of tuple of int
        Numbers of the variables that belong to one cell, cell by cell from the image on. FP-NAS
        draws a group's choices jointly, PNAS grows a network group by group.
    ordered : tuple of bool
        Of each variable whether its choices are ordered, as depths and widths are, so that
        neighbours mean nearly the same: what `flash.suggest` learns with. Empty: none is.
    """

    family: ClassVar[str] = ""
    lengths: tuple[int, ...]
    variables: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    ordered: tuple[bool, ...] = ()
    further: ClassVar[tuple[str, ...]] = ()  # options that are told where they are not as usual

    # What a subclass says

    def options(self) -> dict[str, Any]:
        """Return the arguments that make an equal space, as plain data."""
        return {}

    def name(self, row: Sequence[int]) -> str:
        """Return the text by which files know the network of a row of choice indices."""
        raise NotImplementedError

    def parse(self, name: str) -> tuple[int, ...]:
        """Return the row of a name; FormatError where it is none of this space."""
        raise NotImplementedError

    def network(self, row: Sequence[int]) -> Network | None:
        """Return the network of a row, or None where nothing of the image reaches the end."""
        raise NotImplementedError

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows that stand for all that are the same network, shape (n, variables)."""
        return rows

    def is_member(self, rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return which rows may be an answer; None: all of them. Others are steps on the way."""
        return None

    # What is kept with a space, for all runs on it

    @cached
    def charged(self) -> dict[Any, Any]:
        """Costs of networks by target and score, so that another run charges nothing twice."""
        return {}

    @cached
    def terms(self) -> dict[tuple[int, ...], Any]:
        """What predictors read off networks, by row."""
        return {}

    # What follows

    @property
    def size(self) -> int:
        """How many rows there are."""
        product = 1
        for length in self.lengths:
            product *= length
        return product

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """Least and greatest choice index of each variable."""
        return [(0, length - 1) for length in self.lengths]

    def index(self, row: Sequence[int]) -> int:
        """Return the flat index of a row: rows in lexicographic order."""
        flat: int = number_of(self.row(row), self.lengths)
        return flat

    def row(self, i: int | str | Sequence[int]) -> tuple[int, ...]:
        """Return the row of a flat index, of a name, or of a row (checked).

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If it is out of range.
        """
        if isinstance(i, str):
            return self.parse(i)
        if isinstance(i, int) or not is_list(i):
            return tuple(digits_of(integer("i", i, 0, self.size - 1), self.lengths))
        if len(i) != len(self.lengths):
            raise ArgumentError(
                f"a row of {self.family} must have {len(self.lengths)} choice indices, "
                f"got {shown(i)}"
            )
        return tuple(
            integer(f"choice index of {name}", value, 0, length - 1)
            for name, value, length in zip(self.variables, i, self.lengths, strict=True)
        )

    def decode(self, i: int | str | Sequence[int]) -> N:
        """Return the network of a flat index in [0, size), a row of choice indices, or a name.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If it is out of range, or stands for no network: nothing of the image reaches the end.
        """
        row = self.row(i)
        net = self.network(row)
        if net is None:
            raise ArgumentError(
                f"{self.name(row)!r} of {self.family} is no network: "
                "nothing of the image reaches its end"
            )
        if len(self._decoded) < MAX_KEPT:  # of several rows of the same layers the last
            self._decoded[hash(net)] = row
        return net  # type: ignore[return-value]

    @cached
    def _decoded(self) -> dict[int, tuple[int, ...]]:
        """Rows of networks that were decoded, by what their networks hash to."""
        return {}

    def encode(self, network: Any) -> tuple[int, ...]:
        """Return the row of choice indices of a network: one that `decode` of this space gave, and
        where there are few rows any of theirs.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If it is none, or cannot be told from its layers.
        """
        from ..networks.network import Network

        if not isinstance(network, Network):
            raise ArgumentTypeError(
                f"a network of {self.family} must be a Network, its name or its row, "
                f"got {shown(network)}"
            )
        key = hash(network)
        if key not in self._decoded and self.size <= MAX_TRIED:
            for i in range(self.size):
                row = self.row(i)
                self._decoded.setdefault(hash(self.network(row)), row)
        if key in self._decoded:
            return self._decoded[key]
        if self.size <= MAX_TRIED:
            raise ArgumentError(f"no network of {self.family} has these layers")
        raise ArgumentError(
            f"which network of {self.family} it is cannot be told from its layers: pass its name, "
            "as the space's name(row) gives it, or its row of choice indices"
        )

    def sample_indices(self, n: int, seed: int = 0) -> NDArray[np.int64]:
        """Return `n` distinct flat indices: see `SearchSpace.sample_indices`."""
        from .space import SearchSpace

        return SearchSpace.sample_indices(self, n, seed)  # type: ignore[arg-type]

    def sample(self, n: int, seed: int = 0) -> list[N]:
        """Return networks of `n` distinct flat indices, without those that are no network."""
        nets = [self.network(self.row(i)) for i in map(int, self.sample_indices(n, seed))]
        return [net for net in nets if net is not None]  # type: ignore[misc]

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, NetworkSpace):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.family, self.lengths))

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={shown(value)}" for name, value in self.options().items())
        return f"{type(self).__name__}({inner})"

    def _parts(self) -> list[Part]:
        from ..base.html import facts

        options = {name: shown(value) for name, value in self.options().items()}
        return [self.family, facts(options), f"{self.size:,} rows"]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `network_space` makes an equal space."""
        return {"family": self.family, **self.options()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a space from plain data; FormatError if a key is unknown or a value not accepted."""
        from ..base.plain import ANY, fields

        where = "the space"
        options = dict.fromkeys((*cls().options(), *cls.further), ANY)
        given = fields(where, data, options, optional=options, also=("family",))
        with faults(where):
            return cls(**given)


def network_space(value: str | Mapping[str, Any]) -> NetworkSpace[Any]:
    """Return a space of another paper by its family's name, or from plain data.

    Raises
    ------
    ArgumentError, FormatError
        If there is no such family, or the data are not accepted.
    """
    data: Mapping[str, Any] = {"family": value} if isinstance(value, str) else value
    family = choice("space", data.get("family"), HOMES)
    if isinstance(value, str) and family in _shared:
        return _shared[family]
    module, name = HOMES[family]
    found: type[NetworkSpace[Any]] = getattr(__import__(module, fromlist=[name]), name)
    space = found.from_dict(data)
    if isinstance(value, str):
        _shared[family] = space
    return space
