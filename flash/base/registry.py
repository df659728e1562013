"""What is known by a name beyond what comes with flash: registered here, or by a plugin.

A plugin is a package with an entry point in the group ``flash.plugins``: a function that is called
with nothing, once in a process, and registers. Entry points are read when a name is looked up that
nobody registered, or when all names are listed; never before: that takes longer than a search.
"""

from __future__ import annotations

from _thread import RLock, allocate_lock, get_ident

from ..errors import ArgumentError, FlashError
from .checks import hint, public, shown
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from .html import Part

__all__ = [
    "GROUP",
    "KINDS",
    "Plugin",
    "add",
    "all_plugins",
    "call",
    "is_name",
    "made",
    "names",
    "refusal",
    "registered",
    "why_missing",
]

KINDS = ("space", "target", "method", "evaluator", "block")
GROUP = "flash.plugins"
NOT_IN_NAMES = frozenset("/\\:=,;@*?'\"<>|{}[]() \t\r\n")
FILES = (".json", ".jsonl", ".toml", ".csv", ".parquet", ".gz")  # a name that ends so is a path
MAX_NAME = 100


@public
class Plugin(Record):
    """What one package registered: see `flash.plugins`.

    Parameters
    ----------
    name : str or None
        Of its entry point; None: what this process registered itself, by `flash.register`.
    package : str or None
        The distribution that it is installed with, and its version.
    brings : tuple of (str, str)
        (kind, name) of each thing registered, in this order.
    error : str or None
        Why the plugin, or the rest of it, can't be used.
    """

    name: str | None
    package: str | None
    brings: tuple[tuple[str, str], ...] = ()
    error: str | None = None

    @property
    def title(self) -> str:
        """What messages call it."""
        if self.name is None:
            return "this process"
        return f"plugin {self.name!r} of {self.package or 'an unknown package'}"

    def _parts(self) -> list[Part]:
        from .html import facts

        rows = [["kind", "name"], *(list(one) for one in self.brings)]
        return [self.title, (rows, 2, True), facts({"failed": self.error}) if self.error else ""]

    def __str__(self) -> str:
        things = ", ".join(f"{kind} {name}" for kind, name in self.brings) or "nothing"
        return f"{self.title}: {things}" + (f"; failed: {self.error}" if self.error else "")


class _Entry:
    """One registered thing; `made`: what a function of it returned when asked for no options."""

    __slots__ = ("by", "made", "thing")

    def __init__(self, thing: Any, by: Any) -> None:
        self.thing = thing
        self.by = by
        self.made: Any = None


class _State:
    """All that is registered in this process."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], _Entry] = {}
        self.plugins: dict[Any, Plugin] = {}  # by entry point, as they were read
        self.loading: dict[int, Any] = {}  # thread -> the entry point that it runs
        self.read = False  # all entry points
        # Two: one that waits for a plugin's import must not hold what that import may want.
        self.adding = allocate_lock()
        self.reading = RLock()


_state = _State()


def is_name(value: object) -> bool:
    """Whether something may be a name: text that is no path."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_NAME
        and value.isprintable()
        and value[0] not in ".-"
        and NOT_IN_NAMES.isdisjoint(value)
        and not value.lower().endswith(FILES)
    )


def add(kind: str, name: str, thing: Any) -> None:
    """Keep a thing by name; ArgumentError where another one has it.

    The same thing may come again, and so may what stands in the same place of the same module: a
    cell of a notebook that runs again, a module loaded anew.
    """
    with _state.adding:
        by = _state.loading.get(get_ident())
        known = _state.entries.get((kind, name))
        if known is not None and known.thing is thing:
            return
        if known is None or (_place(known.thing) == _place(thing) != ("", "")):
            _state.entries[kind, name] = _Entry(thing, by)
            return
        owner = _title(known.by)
    raise ArgumentError(
        f"name: {owner} has registered another {kind} as {name!r}, {shown(known.thing)}; choose "
        "another name"
    )


def _place(thing: Any) -> tuple[str, str]:
    """Return where a function or a class is defined; nothing of what has no place of its own."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or "<" in name:
        return "", ""
    return module, name


def _title(by: Any) -> str:
    known = _state.plugins.get(by)
    return "this process" if known is None else known.title


def registered(kind: str, name: str) -> Any:
    """Return what is registered by a name, or None. A text that may be no name is never there."""
    entry = _entry(kind, name)
    return None if entry is None else entry.thing


def made(kind: str, name: str, make: Callable[[Any], Any]) -> Any:
    """Return `make` of what is registered by a name, or None; what it returned the first time."""
    entry = _entry(kind, name)
    if entry is None:
        return None
    if entry.made is None:
        found = make(entry.thing)
        with _state.adding:  # all threads get the same one, with what it keeps
            if entry.made is None:
                entry.made = found
    return entry.made


def call(kind: str, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """Return what a registered function returns; what it raises says whose it is."""
    try:
        return function(**options)
    except FlashError as error:
        error.add_note(f"in {kind} {name!r}, as it is registered")
        raise
    except Exception as error:
        raise ArgumentError(
            f"{kind} {name!r}, as it is registered, raised {type(error).__name__}: {error}"
        ) from error


def _entry(kind: str, name: str) -> _Entry | None:
    found = _state.entries.get((kind, name))
    if found is None and not _state.read and is_name(name):
        _read()
        found = _state.entries.get((kind, name))
    return found


def names(kind: str) -> tuple[str, ...]:
    """Return the registered names of a kind, in order."""
    _read()
    return tuple(sorted(name for own, name in list(_state.entries) if own == kind))


def all_plugins() -> tuple[Plugin, ...]:
    """Return every plugin with what it registered, and what this process registered."""
    _read()
    found = [
        one.replace(brings=_brought(by)) for by, one in list(_state.plugins.items())
    ]  # fmt: skip
    own = _brought(None)
    if own:
        found.append(Plugin(None, None, own))
    return tuple(found)


def _brought(by: Any) -> tuple[tuple[str, str], ...]:
    return tuple(key for key, entry in list(_state.entries.items()) if entry.by == by)


def why_missing(kind: str, name: str) -> str:
    """Return what to say of a name that is not there, "; ..." or nothing.

    Plugins that failed are told with why: the name may be of one of them.
    """
    if registered(kind, name) is not None:
        return ""
    _read()
    failed = [one for one in list(_state.plugins.values()) if one.error is not None]
    return "".join(f"; {one.title} can't be used: {one.error}" for one in failed)


def refusal(
    argument: str, kind: str, name: str, known: Iterable[str], also: str = ""
) -> ArgumentError:
    """Return the error of a name that is neither built in (`known`) nor registered."""
    accepted = (*known, *names(kind))
    return ArgumentError(
        f"{argument} must be one of {', '.join(map(repr, accepted))}{also}, "
        f"got {shown(name)}{hint(name, accepted)}{why_missing(kind, name)}"
    )


def _read() -> None:
    """Read the entry points, once in a process, and tell of those that failed."""
    state = _state
    if state.read or get_ident() in state.loading:  # a plugin that looks for what may be another's
        return
    failed: list[Plugin] = []
    with state.reading:
        from importlib.metadata import entry_points

        found = [(_package(point), point) for point in entry_points(group=GROUP)]
        found.sort(key=lambda pair: (pair[0] or "", pair[1].name, pair[1].value))
        for package, point in found:
            key = package, point.name, point.value
            if key not in state.plugins:  # another thread was first, or Ctrl-C came between two
                one = _load(key, point)
                if one.error is not None:
                    failed.append(one)
        state.read = True
    if failed:
        import warnings

        from ..errors import PluginWarning

        text = "\n".join(f"{one.title} can't be used: {one.error}" for one in failed)
        warnings.warn(text, PluginWarning, stacklevel=2)


def _package(point: Any) -> str | None:
    try:
        return f"{point.dist.name} {point.dist.version}"
    except Exception:  # its metadata are damaged: the entry point itself was read
        return None


def _load(key: tuple[str | None, str, str], point: Any) -> Plugin:
    """Run one plugin, and keep what became of it."""
    package, name, value = key
    state, thread = _state, get_ident()
    one = state.plugins[key] = Plugin(name, package)
    state.loading[thread] = key
    try:
        function = point.load()
        if not callable(function):
            raise ArgumentError(
                f"the entry point must name a function that registers, as 'package.module:function'"
                f", got {value!r}, which is {shown(function)}"
            )
        function()
    except (Exception, SystemExit) as error:
        told = str(error) if isinstance(error, ArgumentError) else ""
        said = told or f"{type(error).__name__}: {error}"
        one = state.plugins[key] = one.replace(error=" ".join(said.split()))
    except BaseException:  # Ctrl-C: it is tried again, from nothing
        del state.plugins[key]
        with state.adding:
            for own in [at for at, entry in state.entries.items() if entry.by == key]:
                del state.entries[own]
        raise
    finally:
        del state.loading[thread]
    return one
