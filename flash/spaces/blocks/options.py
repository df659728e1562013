"""Options of a stage: functions that make a block, and the choices that they declare."""

from __future__ import annotations

from ...base.checks import flag, public, shown
from ...base.record import Record, cached
from ...errors import ArgumentError, ArgumentTypeError
from ..choices import Range, range_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

__all__ = ["MAX_VARIANTS", "Option", "Variant", "as_options"]

MAX_VARIANTS = 1 << 16  # of one option: combinations of its choices
SKIP = "skip"


@public
class Option(Record):
    """A way to make a block.

    Parameters
    ----------
    build : callable
        ``build(in_channels, out_channels, stride, **choices)`` gives a torch module, a list of
        layer rows (dictionaries as `Network.from_layers` takes) or a `Network`. Parameters that can
        only be given by name and whose default is a tuple, a list or a `Range` are choices of the
        option: ``def mb(in_channels, out_channels, stride, *, kernel=(3, 5, 7), expansion=(3,
        6))``.
    module : callable, optional
        The same as a torch module, where `build` gives rows: what `to_torch` makes networks of.
        Without it modules are made of the rows.
    choices : dict, optional
        Choices by the names of parameters, instead of those that the function declares, or besides:
        ``{"kernel": (3, 5)}``.
    shape : bool, default False
        Whether the functions are also given ``shape=``, what they read without the batch:
        (channels, height, width), or (tokens, features).
    metrics : dict of str to function, optional
        What else a block adds to a network, by name: numbers that add up, such as a cache. Each
        function takes what `build` takes. `BlockSpace.choices` has them as metrics.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it is no function, or a choice is none.
    """

    build: Callable[..., Any]
    module: Callable[..., Any] | None = None
    choices: Mapping[str, Any] | None = None
    shape: bool = False
    metrics: Mapping[str, Callable[..., float]] | None = None

    def __post_init__(self) -> None:
        for name in ("build", "module"):
            given = getattr(self, name)
            if not callable(given) and (name == "build" or given is not None):
                raise ArgumentTypeError(
                    f"{name} of an option must be a function of (in_channels, out_channels, "
                    f"stride), "
                    f"got {shown(given)} ({type(given).__name__})"
                )
        flag("shape", self.shape)
        for name in ("choices", "metrics"):
            given = getattr(self, name)
            if given is not None and not (
                hasattr(given, "items") and all(isinstance(one, str) for one in given)
            ):
                raise ArgumentTypeError(
                    f"{name} of an option must be a table by name, got {shown(given)}"
                )
        further: dict[str, Any] = dict(self.metrics or {})
        for name, function in further.items():
            if not callable(function):
                raise ArgumentTypeError(
                    f"metrics of an option must be functions, got {shown(function)} for "
                    f"{shown(name)}"
                )
        found = _declared(self.build)
        given = self.choices
        if given is not None and not hasattr(given, "items"):
            raise ArgumentTypeError(f"choices of an option must be a table, got {shown(given)}")
        found |= {name: listed(name, one) for name, one in dict(given or {}).items()}
        if self.shape and "shape" in found:
            raise ArgumentError("shape must not be a choice of an option that is given it")
        for name in ("build", "module"):
            if getattr(self, name) is not None:
                _check_call(name, getattr(self, name), found, self.shape)
        count = 1
        for one in found.values():
            count *= len(one)
        if count > MAX_VARIANTS:
            raise ArgumentError(
                f"choices of an option must combine to at most {MAX_VARIANTS}, got {count}"
            )
        self.__dict__["choices"] = found

    @cached
    def combinations(self) -> tuple[dict[str, Any], ...]:
        """All combinations of its choices, the last one varying first."""
        found: list[dict[str, Any]] = [{}]
        for name, some in (self.choices or {}).items():
            found = [{**one, name: value} for one in found for value in some]
        return tuple(found)


class Variant(Record):
    """One choice of a block: an option with one value of each of its choices.

    Parameters
    ----------
    name : str
        Of the option.
    option : Option or None
        None: nothing, the block is skipped.
    keywords : dict
        What the option is given.
    """

    name: str
    option: Option | None
    keywords: Mapping[str, Any]

    @cached
    def label(self) -> str:
        """Text: "mb kernel 5 expansion 6"; a choice of one value is not told."""
        choices = {} if self.option is None else self.option.choices or {}
        told = [f"{key} {value}" for key, value in self.keywords.items() if len(choices[key]) > 1]
        return " ".join([self.name, *told])


def listed(name: str, given: Any) -> tuple[Any, ...]:
    """Return choices as a tuple."""
    if hasattr(given, "keys"):
        given = range_of(name, given)
    if hasattr(given, "tolist"):
        given = given.tolist()
    several = isinstance(given, (list, tuple, range, Range))
    if several and len(given) > MAX_VARIANTS:
        raise ArgumentError(f"{name} must be at most {MAX_VARIANTS} choices, got {len(given)}")
    some = tuple(given) if several else (given,)
    if not some:
        raise ArgumentError(f"{name} must have at least one choice, got none")
    for one in some:
        if not (one is None or isinstance(one, (int, float, str, bool))):
            raise ArgumentTypeError(
                f"{name} must be numbers, texts, True, False or None, got {shown(one)} "
                f"({type(one).__name__})"
            )
        if one != one:
            raise ArgumentError(f"{name} must be numbers that can be told apart, got {one}")
    if len({(type(one), one) for one in some}) < len(some):
        twice = next(one for one in some if some.count(one) > 1)
        raise ArgumentError(f"{name} must hold each choice once, got {shown(twice)} twice")
    return some


def _signature(function: Any) -> Any:
    """Return what a function takes: of an object that can be called, its call."""
    from inspect import isclass, isroutine, signature

    plain = isclass(function) or isroutine(function)
    if plain or hasattr(function, "func") or hasattr(function, "__wrapped__"):
        return signature(function)
    return signature(function.__call__)  # the object may tell how it is made


def _declared(function: Any) -> dict[str, tuple[Any, ...]]:
    """Return the choices that a function declares by the defaults of its keywords."""
    from inspect import Parameter

    try:
        parameters = _signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin tells nothing
        return {}
    return {
        one.name: listed(one.name, one.default)
        for one in parameters
        if one.kind is Parameter.KEYWORD_ONLY and isinstance(one.default, (tuple, list, Range))
    }


def _check_call(name: str, function: Any, choices: Mapping[str, Any], shape: bool) -> None:
    """Check that a function takes what it will be given."""
    try:
        found = _signature(function)
    except (TypeError, ValueError):
        return
    given = dict.fromkeys([*choices, "shape"] if shape else choices)
    try:
        found.bind(1, 1, 1, **given)
    except TypeError as error:
        more = f", and by name {', '.join(given)}" if given else ""
        raise ArgumentTypeError(
            f"{name} of an option must take (in_channels, out_channels, stride){more}; "
            f"{_name_of(function)}{found} does not: {error}"
        ) from None


def as_options(given: Any, where: str) -> dict[str, Option | None]:
    """Return options by name from what users pass: a table, a list of functions, or one."""
    if given is None or callable(given) or isinstance(given, Option):
        given = [given]
    if isinstance(given, (list, tuple)):
        named: dict[str, Any] = {}
        for one in given:
            name = _name_of(one)
            if name in named:
                raise ArgumentError(
                    f"{where}: options must have different names, got {shown(name)} twice; give "
                    f"them "
                    "names by a table: {'a': ..., 'b': ...}"
                )
            named[name] = one
        given = named
    if not hasattr(given, "items"):
        raise ArgumentTypeError(
            f"{where}: options must be a table of functions by name (None: skip), "
            f"got {shown(given)} ({type(given).__name__})"
        )
    if not given:
        raise ArgumentError(f"{where}: options must be at least one, got none")
    found: dict[str, Option | None] = {}
    for name, one in given.items():
        if not isinstance(name, str) or not name.isprintable() or not name.strip():
            raise ArgumentTypeError(f"{where}: an option's name must be a text, got {shown(name)}")
        if one is not None and not isinstance(one, Option):
            if not callable(one):
                raise ArgumentTypeError(
                    f"{where}: option {shown(name)} must be a function of (in_channels, "
                    f"out_channels, "
                    f"stride), an Option or None (skip), got {shown(one)} ({type(one).__name__})"
                )
            try:
                one = Option(one)
            except (ArgumentError, ArgumentTypeError) as error:
                raise type(error)(f"{where}: option {shown(name)}: {error}") from None
        found[name] = one
    if sum(one is None for one in found.values()) > 1:
        raise ArgumentError(f"{where}: options must have None (skip) once at most")
    return found


def _name_of(one: Any) -> str:
    if one is None:
        return SKIP
    function = one.build if isinstance(one, Option) else one
    while (inner := getattr(function, "func", None)) is not None:  # a partial
        function = inner
    return str(getattr(function, "__name__", type(function).__name__))


def variants_of(options: Mapping[str, Option | None]) -> tuple[Variant, ...]:
    """Return every choice of a block, option by option."""
    found: list[Variant] = []
    for name, option in options.items():
        some: Sequence[Any] = ({},) if option is None else option.combinations
        found += [Variant(name, option, keywords) for keywords in some]
    return tuple(found)
