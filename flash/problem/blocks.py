"""Compiling a `BlockSpace`: its blocks counted and charged in context, as tables of rows."""

from __future__ import annotations

from operator import eq, is_

import numpy as np

from .._core.model.compile import SCORE_UNIT
from .._core.tables.tables import COLUMNS, Tables
from ..base.names import NO_LINK, Column
from ..base.record import cached
from ..errors import ArgumentError
from ..hardware.charging import charges
from ..networks.degree import SCALE
from ..networks.memory import KIB, OWN, memory_of
from ..networks.topology import labelled
from ..predictors.cell_terms import BASIS, terms_of
from ..spaces.blocks.recipe import check_alike, recipe_of, rows_of_cell, with_tail
from .compiling import KEPT_BYTES, MACS, PARAMS, SCORE, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy.typing as npt

    from ..hardware.target import Target
    from ..networks.network import Layer, Network
    from ..predictors.predictor import AccuracyPredictor
    from ..predictors.score import TopologyScore
    from ..spaces.blocks.recipe import Context
    from ..spaces.blocks.space import BlockSpace

    Floats = npt.NDArray[np.float64]

__all__ = [
    "COUNTED",
    "BlockProblem",
    "compile_blocks",
    "facts_at",
    "features_of",
    "peaks_of",
    "sums_of",
    "weights_of",
]

# What is counted of a block in context whatever the target; all but the last are sums.
COUNTED = (
    *("params", "macs", "weights_bytes", "layers"),
    *("width_sum", "convs", "links"),
    "peak_bytes",
)
AT = {name: place for place, name in enumerate(COUNTED)}
# What predictors of topology read of it: counted where there is one.
TERMS = ("layers", "nodes", "node_params", "depth", "spatial", "pools", "strides")
TERM = {name: place for place, name in enumerate(TERMS)}
TOTALS = ("params", "macs")  # what every result tells
DEGREE = ("width_sum", "convs", "links")
NEAR = 1e-9  # of what predictors read: means over paths are rounded
FEATURE = "a feature"
KEPT = 8  # compiled problems that a space keeps
KEPT_SPACES = 2  # whose problems are there for spaces that are equal to them
MOST_LEFT = 0.7  # of the rows: where more are left, a second set of tables brings nothing

_spaces: list[BlockSpace] = []  # compiled last


class BlockProblem(Problem):
    """A compiled `BlockSpace`. Its `plan` is None: there is none in the core's form."""

    def facts(self, variant: int, rows: Sequence[int]) -> dict[str, Any]:
        """Return what a network is beside its costs; rows: the space's own."""
        return facts_at(self.space, variant, rows)

    @property
    def searched(self) -> Tables:
        return self.first_of_equals[0]

    def rows_found(self, variant: int, rows: Sequence[int]) -> Sequence[int]:
        kept = self.first_of_equals[1]
        if not kept:
            return rows
        found = []
        for own, row in zip(kept[variant], rows, strict=True):
            state, place = divmod(row, len(own[1]))
            found.append(state * own[0] + int(own[1][place]))
        return tuple(found)

    @cached
    def first_of_equals(self) -> tuple[Tables, list[list[tuple[int, npt.NDArray[np.int64]]]]]:
        """Tables of the rows that no row before them equals in all columns, and for each variant,
        for each cell (rows of a state, which of them are there); the tables themselves, and
        nothing, where that leaves most rows.

        The same blocks in another order add up to the same: of a stage of four blocks, each one of
        nine, a quarter of the rows is left, and a search of them answers as of all: of equals the
        first counts.
        """
        space: Any = self.space
        recipe = recipe_of(space)
        constants = _constants(self.predictor)
        known: dict[int, Any] = {}
        variants: list[Any] = []
        every: list[list[tuple[int, npt.NDArray[np.int64]]]] = []
        before = after = 0
        for variant, cells in enumerate(recipe.cells):
            listed: list[Any] = []
            places = []
            for place, (cell, betweens) in enumerate(cells):
                found = known.get(id(betweens))
                if found is None:
                    found = known[id(betweens)] = self._first_rows(variant, place, cell)
                (columns, states, incoming), (each, kept) = found
                listed.append((states, columns, {}, incoming))
                places.append((each, kept))
                before += states * each
                after += states * len(kept)
            variants.append((constants, listed))
            every.append(places)
        if after > MOST_LEFT * before:
            return self.tables, []
        return Tables.from_arrays(variants, _links(self.target, self.model, self.predictor)), every

    def _first_rows(self, variant: int, place: int, cell: Any) -> Any:
        """Return ((columns, states, incoming), (rows of a state, which are kept)) of a cell."""
        incoming = len(cell.into)
        states = incoming * len(cell.widths)
        columns = {}
        for k in range(len(COLUMNS)):
            held = self.tables.column(variant, place, k)
            if held is not None:
                columns[k] = np.frombuffer(held).reshape(states, cell.each)
        kept = np.arange(cell.each)
        if len(cell.spots) > 1 and cell.each > 1:
            numbers = np.concatenate(list(columns.values()))
            order = np.lexsort(numbers)  # stable: of equals the first comes first
            differ = (np.diff(numbers[:, order], axis=1) != 0.0).any(axis=0)
            kept = np.sort(order[np.concatenate([[True], differ])])
            columns = {k: one[:, kept] for k, one in columns.items()}
        return ({k: one.ravel() for k, one in columns.items()}, states, incoming), (cell.each, kept)

    @cached
    def plain(self) -> Problem:
        """The problem without its predictor: its scores are NN-Degrees; with params and MACs."""
        return compile_blocks(self.space, self.target, None, PARAMS | MACS)


def facts_at(space: Any, variant: int, rows: Sequence[int]) -> dict[str, Any]:
    """Return what a network is beside its costs, as `facts_of`; rows: the space's own."""
    layout = space.numbering.layouts[variant]
    params = macs = handed = 0
    degrees = []
    for place, (cell, row) in enumerate(zip(layout.cells, rows, strict=True)):
        at = handed * cell.rows + row
        counted = rows_counted(space, variant, place, TOTALS)[at]
        params += int(counted[AT["params"]])
        macs += int(counted[AT["macs"]])
        degrees.append(float(scores_at(space, variant, place, None)[at]))
        handed = row // cell.each
    return {  # the degrees of blocks that lie in one table are told together
        "nn_degree": sum(degrees) * SCORE_UNIT,
        "params": params,
        "macs": macs,
        "cell_degrees": tuple([one * SCORE_UNIT for one in degrees]),
    }


def compile_blocks(
    space: Any,
    target: Target,
    predictor: AccuracyPredictor | None = None,
    extra: int = 0,
    *,
    scored: bool = True,
) -> BlockProblem:
    """Compile the tables, or take those that the space, or one equal to it, keeps: see
    `compile_problem`.

    Raises
    ------
    ArgumentError
        If an option is not accepted, the target has several tiles, or a total leaves the range that
        is exact.
    """
    if target.meshed:
        from ..hardware.mesh import refuse_mesh

        refuse_mesh(target, "a BlockSpace")
    wanted = (SCORE if scored else 0) | target.columns(space.family) | extra
    terms = None if predictor is None else predictor.terms
    if terms is not None:
        wanted |= PARAMS | MACS
    if "_problems" not in space.__dict__:
        _share(space)
    kept: list[tuple[Any, ...]] = space.__dict__.setdefault("_problems", [])
    for same in (is_, eq):  # what was read again is equal, if it is not the same
        for known in kept:
            if not wanted & ~known[2] and same(known[0], target) and same(known[1], predictor):
                found: BlockProblem = known[3]
                return found
    problem = _compiled(space, target, predictor, wanted | PARAMS | MACS)
    if len(kept) >= KEPT:
        del kept[0]
    kept.append((target, predictor, wanted | PARAMS | MACS, problem))
    if problem.tables.size_bytes <= KEPT_BYTES and not any(one is space for one in _spaces):
        _spaces.insert(0, space)
        del _spaces[KEPT_SPACES:]
    return problem


def _share(space: Any) -> None:
    """Give a space what was compiled of an equal one."""
    for other in _spaces:
        if other is not space and other == space:
            for name, value in other.__dict__.items():
                space.__dict__.setdefault(name, value)
            return


def _compiled(
    space: BlockSpace, target: Target, predictor: AccuracyPredictor | None, wanted: int
) -> BlockProblem:
    model = target.model("")
    topology = None if predictor is None else predictor.topology
    recipe = recipe_of(space)
    costs = charges_of(space, target)
    names = [k for k in range(len(COLUMNS)) if wanted >> k & 1]
    own = [k for k in names if k not in (Column.SCORE, Column.PARAMS, Column.MACS)]
    at_peak = own.index(Column.PEAK) if Column.PEAK in own else None
    made: dict[int, Any] = {}
    beside = {} if target.table is None else target.table.constants()
    constants = _constants(predictor)
    variants: list[Any] = []
    for variant, cells in enumerate(recipe.cells):
        listed: list[Any] = []
        for place, (cell, betweens) in enumerate(cells):
            found = made.get(id(betweens))
            if found is None:
                told = [f"{COLUMNS[k]} on {target.name}" for k in own]
                check_alike(recipe, variant, place, costs[:, own], told)
                added = rows_of_cell(recipe, variant, place, costs[:, own], at_peak)
                columns = {k: np.ascontiguousarray(added[:, n]) for n, k in enumerate(own)}
                for k in beside if place == 0 else ():  # what a network takes beyond its layers
                    columns[k] = columns[k] + beside[k]
                counted = rows_counted(space, variant, place, TOTALS)
                degrees = scores_at(space, variant, place, None)  # results tell them all the same
                if wanted >> Column.SCORE & 1:
                    columns[Column.SCORE] = (
                        degrees if topology is None else scores_at(space, variant, place, topology)
                    )
                columns[Column.PARAMS] = np.ascontiguousarray(counted[:, AT["params"]])
                columns[Column.MACS] = np.ascontiguousarray(counted[:, AT["macs"]])
                states = len(cell.into) * len(cell.widths)
                found = made[id(betweens)] = (states, columns, {}, len(cell.into))
            listed.append(found)
        variants.append((constants, listed))
    links = _links(target, model, predictor)
    try:
        tables = Tables.from_arrays(variants, links)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(f"space is out of range: {error}") from None
    given: Any = (space, target, predictor, None, model, tables)
    return BlockProblem(*given)


def _constants(predictor: AccuracyPredictor | None) -> list[float]:
    """Return what each column has beside the sums over blocks."""
    found = [0.0] * len(COLUMNS)
    if predictor is not None and predictor.topology is not None:
        found[Column.SCORE] = float(round(predictor.topology.intercept * 2.0**36))
    return found


def _links(target: Target, model: Any, predictor: AccuracyPredictor | None) -> dict[str, Any]:
    """Return what totals go through, the predictor's link among it."""
    links = dict(model.links)
    links["score"] = NO_LINK if predictor is None else predictor.link
    terms = None if predictor is None else predictor.terms
    if terms is not None:
        links["logs"] = (terms[1], terms[2])
    return links


def charges_of(space: BlockSpace, target: Target) -> Floats:
    """Return the target's columns of each context, shape (contexts, columns)."""
    kept: dict[int, Any] = space.__dict__.setdefault("_charges", {})
    known = kept.get(id(target))
    if known is not None:
        found: Floats = known[1]
        return found
    from ..hardware.costing import family_and_charged, unit_missing

    rows = []
    for one in recipe_of(space).contexts:
        table = target.table is not None  # whose entries may be whole blocks
        net = one.fragment.network if table else one.network(space.bits)
        _, counted = family_and_charged(net, target)
        lacking = unit_missing(target, counted)
        if lacking is not None:
            raise ArgumentError(
                f"{one.fragment.name} needs what target {target.name!r} lacks: {lacking}"
            )
        own = charges(target, "", counted)[0 if table else one.first :]
        total = own.sum(axis=0)
        total[Column.PEAK] = own[:, Column.PEAK].max(initial=0.0)
        rows.append(total)
    result = np.array(rows, np.float64).reshape(-1, len(COLUMNS))
    if len(kept) >= KEPT:
        kept.clear()
    kept[id(target)] = (target, result)
    return result


def sums_of(space: BlockSpace, values: Floats, rows: Any) -> Floats:
    """Return sums over the blocks of many networks, shape (n, numbers).

    Parameters
    ----------
    values : array, shape (contexts, numbers)
    rows : int array, shape (n, variables)
        Rows of choice indices.
    """
    recipe = recipe_of(space)
    variants, places = space.numbering.places_of(rows)
    found = np.zeros((len(variants), values.shape[1]))
    for variant in np.unique(variants).tolist():
        some = np.flatnonzero(variants == variant)
        for place in range(len(recipe.cells[variant])):
            check_alike(recipe, variant, place, values, [FEATURE] * values.shape[1])
            own = rows_of_cell(recipe, variant, place, values, None)
            found[some] += own[places[some, place]]
    return found


def features_of(space: BlockSpace, target: Target, models: Sequence[Any], count: int) -> Floats:
    """Return what a kind of target counts of each context, shape (contexts, count).

    models: (feature -> column, model) of each of the models that count some features.
    """
    from ..hardware.costing import family_and_charged

    found = np.zeros((len(recipe_of(space).contexts), count))
    for number, one in enumerate(recipe_of(space).contexts):
        _, counted = family_and_charged(one.network(space.bits), target)
        operations = [op for row in counted.rows[one.first :] for op in row]
        for chosen, model in models:
            charged_ = np.array(model.charge(operations), np.float64)
            if not len(charged_):
                continue
            sums = charged_.sum(axis=0)
            for feature, column in chosen.items():
                found[number, feature] = sums[column]
    return found


# What is counted whatever the target


def counted_of(space: BlockSpace, int8: bool = False) -> Floats:
    """Return `COUNTED` of each context, shape (contexts, len(COUNTED)); int8: of its memory and its
    weights as of a network in integers of 8 bits."""
    int8 = int8 and space.bits != 8  # else they are such networks anyway
    key = f"_counted_{int8}"
    found: Floats | None = space.__dict__.get(key)
    if found is None:
        rows = [_counted(one, space.bits, int8) for one in recipe_of(space).contexts]
        found = space.__dict__[key] = np.array(rows, np.float64).reshape(-1, len(COUNTED))
    return found


def terms_counted(space: BlockSpace) -> Floats:
    """Return `TERMS` of each context, shape (contexts, len(TERMS))."""
    found: Floats | None = space.__dict__.get("_terms_counted")
    if found is None:
        rows = []
        for one in recipe_of(space).contexts:
            net = one.network()
            terms = terms_of(net if one.last else with_tail(net)).cells[-1]
            rows.append(
                [
                    *(float(len(_own(net, one.first))), float(terms.convs), float(terms.params)),
                    *(terms.depth, terms.spatial, terms.pools, terms.strides),
                ]
            )
        found = np.array(rows, np.float64).reshape(-1, len(TERMS))
        space.__dict__["_terms_counted"] = found
    return found


def rows_counted(
    space: BlockSpace, variant: int, place: int, names: Sequence[str], int8: bool = False
) -> Floats:
    """Return `COUNTED` but for the peak of each table row of a cell; those of the names are
    right."""
    at_peak = AT["peak_bytes"]

    def values() -> Floats:
        return counted_of(space, int8)[:, :at_peak]

    return _rows(space, variant, place, ("counts", int8 and space.bits != 8), values, names)


def _rows(
    space: BlockSpace,
    variant: int,
    place: int,
    what: tuple[str, bool],
    values: Callable[[], Floats],
    names: Sequence[str],
    peak: int | None = None,
) -> Floats:
    """Return what each table row of a cell adds up to, kept by what it is, and in integers of 8
    bits or not; what is named is checked."""
    recipe = recipe_of(space)
    kept: dict[Any, Any] = space.__dict__.setdefault("_rows_counted", {})
    of = id(recipe.cells[variant][place][1])
    own = TERM if what[0] == "terms" else {"peak_bytes": 0} if what[0] == "peaks" else AT
    for name in names:
        if (of, what, name) not in kept:
            column = values()[:, own[name], None]
            check_alike(recipe, variant, place, column, [name], NEAR if name in TERM else 0.0)
            kept[of, what, name] = True
    found: Floats | None = kept.get((of, what))
    if found is None:
        found = kept[of, what] = rows_of_cell(recipe, variant, place, values(), peak)
    return found


def _own(net: Network, first: int) -> list[Layer]:
    """Return a context's rows that count and belong to its block."""
    counted = net.counted
    return [
        layer
        for number, layer in enumerate(net.layers)
        if number >= first and (counted is None or counted[number] is not None)
    ]


def _counted(context: Context, bits: int, int8: bool) -> list[float]:
    net, first = context.network(bits), context.first
    if int8:
        net = net.with_bits(8)
    own = _own(net, first)
    params, macs = sum(one.params for one in own), sum(one.macs for one in own)
    cell = labelled(net if context.last else with_tail(net), across=context.inside).get(1)
    width_sum, convs, links = (
        (0, 0, 0) if cell is None else (cell.width_sum, cell.convs, cell.links)
    )
    memory = memory_of(net)
    channels, height, width = net.input_shape
    image = channels * height * width * net.input_bits / 8.0
    if net.input_bits == OWN:  # it is a value as any other, and gone where it was read
        image = 0.0
    peak = max(memory.by_row[first:]) - image / KIB
    return [
        *(float(params), float(macs), sum(one.weights_bytes for one in own), float(len(own))),
        *(float(width_sum), float(convs), float(links)),
        peak * KIB,
    ]


def degrees_of(counted: Floats) -> Floats:
    """Return each row's NN-Degree in units of 2**-36: `cell_degree_fixed` of many."""
    width_sum, convs, links = (counted[:, AT[name]] for name in ("width_sum", "convs", "links"))
    there = convs > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.rint(width_sum * (SCALE / convs)) + np.rint(links * (SCALE / width_sum))
    return np.where(there, found, 0.0)


def scores_at(
    space: BlockSpace, variant: int, place: int, topology: TopologyScore | None
) -> Floats:
    """Return the score of each table row of a cell, in its unit: NN-Degree without a predictor."""

    def of(counted: Floats) -> Floats:
        return degrees_of(counted) if topology is None else scores_of(topology, counted)

    def values() -> Floats:
        return counted_of(space) if topology is None else terms_counted(space)

    recipe = recipe_of(space)
    cell, betweens = recipe.cells[variant][place]
    kept: dict[int, Floats] = {}
    if topology is None:  # every result asks for some of them
        kept = space.__dict__.setdefault("_degrees", {})
    found = kept.get(id(betweens))
    if found is not None:
        return found
    if cell.apart:  # of each block by itself
        each = of(values())[:, None]
        name, near = ("NN-Degree", 0.0) if topology is None else ("the score", NEAR)
        check_alike(recipe, variant, place, each, [name], near)
        found = np.ascontiguousarray(rows_of_cell(recipe, variant, place, each, None)[:, 0])
    elif topology is None:
        found = of(rows_counted(space, variant, place, DEGREE))
    else:
        found = of(_rows(space, variant, place, ("terms", False), values, TERMS))
    kept[id(betweens)] = found
    return found


def scores_of(score: TopologyScore, counted: Floats) -> Floats:
    """Return each row's score of its `TERMS` in units of 2**-36: `TopologyScore.cell_score` of
    many, in its order of operations; 0 where a cell has no layers."""
    layers, convs, params, depth, spatial, pools, strides = (
        counted[:, TERM[name]] for name in TERMS
    )
    depth, spatial, pools = (np.maximum(0.0, one) for one in (depth, spatial, pools))
    deep, count = 1.0 + depth, 1.0 + convs
    basis = (
        depth / deep,
        deep / count,
        np.sqrt(np.sqrt((1.0 + params) / count)),
        np.sqrt(1.0 + spatial),
        pools / (pools + deep),
    )
    total = np.zeros(len(counted))
    for coefficient, value in zip(score.cell, basis, strict=True):
        total += coefficient * value
    total += score.strides * strides
    assert len(basis) == len(BASIS)
    return np.where(layers > 0, np.rint(total * 2.0**36), 0.0)


def image_bytes(space: BlockSpace, variant: int, int8: bool = False) -> float:
    """Return what the network's input takes where it is there all the time, and else 0."""
    bits = 8 if int8 and space.bits == 32 else space.bits
    if bits == OWN:
        return 0.0
    numbers = bits / 8.0
    for side in space.numbering.layouts[variant].shape:
        numbers *= side
    return numbers


def peaks_of(space: Any, variant: int, int8: bool = False) -> list[Floats]:
    """Return the peak memory of each row of each cell of a variant, in bytes."""
    image = image_bytes(space, variant, int8)
    what = ("peaks", int8 and space.bits != 8)

    def values() -> Floats:
        return counted_of(space, int8)[:, AT["peak_bytes"] :]

    return [
        _rows(space, variant, place, what, values, ("peak_bytes",), 0)[:, 0] + image
        for place in range(len(space.numbering.layouts[variant].cells))
    ]


def weights_of(space: Any, variant: int, int8: bool = False) -> list[Floats]:
    """Return the weights of each row of each cell of a variant, in bytes."""
    return [
        rows_counted(space, variant, place, ("weights_bytes",), int8)[:, AT["weights_bytes"]]
        for place in range(len(space.numbering.layouts[variant].cells))
    ]
