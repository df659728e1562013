"""Frozen value objects: what dataclasses give, without the cost of importing them; and what all
objects show of themselves.

``import dataclasses`` loads ``inspect``, ``re`` and more: several milliseconds, as much as a bare
interpreter takes to start. A subclass of `Record` declares its fields as annotations, exactly like
a frozen dataclass, and works with ``dataclasses.fields``, ``asdict`` and ``replace``.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from dataclasses import Field
    from functools import cached_property as cached
    from inspect import Signature
    from typing import Any, ClassVar, Self, TypeVar, dataclass_transform
    from typing import Generic as Generic

    from .html import Part, Row
    from .pages import Chart, Section

    T = TypeVar("T")

    def later(default: Any = ...) -> Any: ...
    def deferred(function: Callable[[], T]) -> T: ...
else:

    class Generic:
        """Stands for typing.Generic: ``class X(Record, Generic[N])``, ``X[Architecture]``."""

        def __class_getitem__(cls, item):
            return cls

    def dataclass_transform(**_):
        return lambda cls: cls

    class cached:
        """Stands for functools.cached_property: computed once, kept in ``__dict__``."""

        def __init__(self, function):
            self.function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.function(instance)
            return value

        def __repr__(self):  # help() shows it
            return "<worked out when first asked for>"

    class deferred:
        """A field's value that is worked out when somebody first asks for it."""

        def __init__(self, function):
            self.function = function

    class later:
        """A field, by its default where it has one, that may be given as `deferred`."""

        def __init__(self, *default):
            self.given = bool(default)
            self.default = default[0] if default else None

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                if not self.given:
                    raise AttributeError(self.name)
                return self.default
            value = instance.__dict__[self.name]
            if isinstance(value, deferred):
                value = instance.__dict__[self.name] = value.function()
            return value

        def __set__(self, instance, value):  # so that this, not the instance, is asked
            raise AttributeError(f"cannot set {self.name!r}")


__all__ = [
    "Generic",
    "Record",
    "Reported",
    "Shown",
    "cached",
    "deferred",
    "later",
    "table",
    "text",
]

_MUTABLE = (list, dict, set, bytearray)
_NOTHING = object()


def text(parts: Iterable[Part]) -> str:
    """Return the parts of a screen (see `flash.base.html`) as text."""
    lines: list[str] = []
    for part in parts:
        lines += [part] if isinstance(part, str) else table(part[0], part[1])
    return "\n".join(lines)


def table(rows: Sequence[Row], left: int = 0) -> list[str]:
    """Align columns: the first `left` to the left, all others to the right."""
    widths = [
        max(map(len, column))
        for column in zip(*(row for row in rows if not isinstance(row, str)), strict=True)
    ]
    return [
        row
        if isinstance(row, str)
        else "  ".join(
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


class Shown:
    """What shows itself: `_parts` are lines and tables for a notebook, and for print where that
    shows the same. (In this module, for a search imports it, and each module more takes time.)"""

    __slots__ = ()

    def _title(self) -> str:
        """Return what a page of it is called."""
        return type(self).__name__

    def _line(self) -> str:
        """Return in a line what it says: for tables of many."""
        return next((one for one in self._parts() if isinstance(one, str) and one), "")

    def _parts(self) -> Sequence[Part]:
        """Return what it shows: see `flash.base.html`."""
        from .html import shown_by

        return shown_by(self)

    def _repr_html_(self) -> str:
        from .html import page

        return page(self._parts())


class Reported(Shown):
    """What also makes a file to be read in a browser or on paper."""

    __slots__ = ()

    def _charts(self) -> Sequence[Chart]:
        """Return what is drawn of it."""
        return ()

    def _sections(self) -> Sequence[Section]:
        """Return the sections of its page: each a title, and parts and charts."""
        return [("", [*self._charts(), *self._parts()])]

    def _made(self) -> str:
        """Return what made it: a call or a command, or what is known of one."""
        return ""

    def to_html(self, path: str | os.PathLike[str] | None = None, *, cdn: bool = False) -> str:
        """Return a page to be read in a browser or printed, and write it where a path is given.

        One file of at most 1.5 MB: charts are drawings within it, tables are sorted by a click on a
        title (or its key), and where a table is cut it says so. The same object gives the same
        bytes.

        Parameters
        ----------
        path : str or path, optional
            Where it is written; the file is either complete or not there.
        cdn : bool, default False
            Whether charts answer the mouse, by plotly's script, which is then loaded from its
            network (the page needs one). Else nothing is loaded from anywhere.

        Raises
        ------
        MissingExtraError
            If `cdn` is asked for and plotly is not installed. Without matplotlib the page has the
            tables, and says what is missing.
        OSError
            If the file can't be written: told before any work.
        """
        from .pages import to_html

        return to_html(self, path, cdn)


class _DataclassFields:
    """Builds ``__dataclass_fields__`` of a record when somebody first asks for it."""

    def __get__(self, instance: object, owner: type[Record]) -> dict[str, Field[Any]]:
        found: Any = owner.__dict__.get("_dataclass_fields_cache")
        if found is None:
            import dataclasses

            specs: list[Any] = []
            for name, kind in owner._annotations.items():
                if name in owner._defaults:
                    default: Any = dataclasses.field(default=owner._defaults[name])
                    specs.append((name, kind, default))
                else:
                    specs.append((name, kind))
            twin: Any = dataclasses.make_dataclass(owner.__name__, specs, frozen=True)
            found = twin.__dataclass_fields__
            owner._dataclass_fields_cache = found
        return found  # type: ignore[no-any-return]


class _Signature:
    """Builds ``__signature__`` of a record when somebody first asks for it."""

    def __get__(self, instance: object, owner: type[Record]) -> Signature:
        from inspect import Parameter, Signature

        return Signature(
            [
                Parameter(
                    name,
                    Parameter.POSITIONAL_OR_KEYWORD,
                    default=owner._defaults.get(name, Parameter.empty),
                    annotation=kind,
                )
                for name, kind in owner._annotations.items()
            ],
            return_annotation="None",
        )


@dataclass_transform(frozen_default=True)
class Record(Shown):
    """Base of frozen value objects.

    Fields are the annotated names of the class body, in order, those of a base class first; an
    assigned value is the default. ``__post_init__`` runs after the fields are set and may write
    normalised values through ``self.__dict__``.

    Attributes
    ----------
    field_names : tuple of str
        Of the class, in order. (Not ``_fields``: with that help() takes it for a named tuple, and
        shows what is private.)

    Raises
    ------
    TypeError
        On a missing, surplus or repeated argument.
    AttributeError
        On setting or deleting an attribute.
    """

    field_names: ClassVar[tuple[str, ...]] = ()
    _field_set: ClassVar[frozenset[str]] = frozenset()
    _defaults: ClassVar[dict[str, Any]] = {}
    _annotations: ClassVar[dict[str, Any]] = {}
    _later: ClassVar[tuple[str, ...]] = ()
    _dataclass_fields_cache: ClassVar[Any] = None
    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    else:
        __dataclass_fields__ = _DataclassFields()
        __signature__ = _Signature()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        annotations = dict(cls._annotations)
        defaults = dict(cls._defaults)
        for name, kind in cls.__annotations__.items():
            if str(kind).startswith(("ClassVar", "typing.ClassVar")):
                continue
            annotations[name] = kind
            own = cls.__dict__.get(name, _NOTHING)
            if isinstance(own, later):  # type: ignore[arg-type]
                cls._later = (*cls._later, name)
                own = own.default if own.given else _NOTHING
            elif isinstance(own, _MUTABLE):
                raise TypeError(f"the default of {cls.__name__}.{name} is mutable")
            if own is not _NOTHING:
                defaults[name] = own
            elif defaults and name not in defaults:
                raise TypeError(f"{cls.__name__}.{name} without default follows one with default")
        cls._annotations = annotations
        cls._defaults = defaults
        cls.field_names = tuple(annotations)
        cls._field_set = frozenset(annotations)
        type.__setattr__(cls, "__match_args__", cls.field_names)  # not for checkers: they know

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = self.field_names
        state = self.__dict__
        state.update(self._defaults)
        if args:
            state.update(zip(names, args, strict=False))
        if kwargs:
            state.update(kwargs)
            if not kwargs.keys() <= self._field_set:
                self._refuse(args, kwargs)
        if (
            len(state) != len(names)  # one is missing
            or len(args) > len(names)
            or (args and not kwargs.keys().isdisjoint(names[: len(args)]))
        ):
            self._refuse(args, kwargs)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Validate and normalise: for subclasses."""

    def _refuse(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        from ..errors import ArgumentTypeError
        from .checks import hint

        names = self.field_names
        call = f"{type(self).__name__}()"
        if len(args) > len(names):
            raise ArgumentTypeError(
                f"{call} takes at most {len(names)} arguments ({', '.join(names)}), got {len(args)}"
            )
        for name in kwargs:
            if name not in names:
                raise ArgumentTypeError(
                    f"{call} got an unexpected keyword argument {name!r}{hint(name, names)}; "
                    f"it takes {', '.join(names)}"
                )
        for name in names[: len(args)]:
            if name in kwargs:
                raise ArgumentTypeError(f"{call} got multiple values for argument {name!r}")
        missing = [name for name in names if name not in self.__dict__]
        raise ArgumentTypeError(
            f"{call} missing required argument{'s' * (len(missing) > 1)}: "
            + ", ".join(map(repr, missing))
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"{type(self).__name__} is frozen: cannot set {name!r}; "
            f"make a changed copy with its replace()"
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name!r}")

    def _values(self) -> tuple[Any, ...]:
        for name in self._later:
            getattr(self, name)
        return tuple(map(self.__dict__.__getitem__, self.field_names))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()  # pyright: ignore[reportAttributeAccessIssue]

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        values = zip(self.field_names, self._values(), strict=True)
        inner = ", ".join(f"{name}={value!r}" for name, value in values)
        return f"{type(self).__name__}({inner})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed."""
        return type(self)(**{**dict(zip(self.field_names, self._values(), strict=True)), **changes})

    __replace__ = replace
