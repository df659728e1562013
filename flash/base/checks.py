"""Checks shared by every public entry: each error names the argument, the value and what would do.

A check takes the name first, then the value, then what is accepted; it returns the value.
Numbers of numpy and others are accepted through ``__index__`` and ``__float__``, so that nothing
heavy is imported to recognise them; booleans, NaN and arrays are not numbers here.
"""

from __future__ import annotations

import os
import sys

from ..errors import ArgumentError, ArgumentTypeError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Any, Protocol, TypeVar

    T = TypeVar("T", bound=Callable[..., Any])
    X = TypeVar("X", covariant=True)

    class Several(Protocol[X]):
        """A list or a tuple, and no text: of that only texts can be asked for."""

        def __len__(self) -> int: ...
        def __iter__(self) -> Iterator[X]: ...
        def __contains__(self, value: object, /) -> bool: ...


__all__ = [
    "append_bytes",
    "choice",
    "faults",
    "flag",
    "hint",
    "integer",
    "is_list",
    "items",
    "json_text",
    "kind_of",
    "known_keys",
    "listener",
    "log",
    "names",
    "number",
    "parse_json",
    "path_of",
    "public",
    "read_text",
    "real",
    "shipped",
    "shown",
    "suggesting",
    "table",
    "text",
    "watched",
    "writable",
    "write_bytes_atomic",
    "write_text_atomic",
]

INF = float("inf")
# What is also said of an accepted name, and is nearer to another by its letters.
MEANT = {"gpu": "cuda", "nvidia": "cuda"}
# Keys by which the files of flash are told apart: what a file is that is read as another. The
# first kind of which all keys are there.
KINDS_OF_FILES = {
    "an answer of choices": ("choices", "bound", "greatest"),
    "a front of choices": ("objectives", "points", "greatest"),
    "a sweep of choices": ("feasible", "histograms", "greatest"),
    "a problem of choices": ("options", "metrics", "group_name"),
    "a search result": ("status", "x", "objective_name"),
    "a comparison": ("runs", "baseline"),
    "a front": ("objectives", "metrics", "epsilon"),
    "the result of a sweep": ("feasible", "histograms"),
    "a measurement": ("median_ms", "runtime"),
    "a target": ("kind", "coefficients", "links"),
    "a target of layers": ("kind", "description", "table"),
    "an accuracy predictor": ("kind", "provenance", "evidence"),
    "an architecture": ("family", "cells", "link_seed", "num_classes"),
    "a cell network": ("family", "blocks", "repeats"),
    "a network": ("layers", "input_shape"),
    "a table of sensitivities": ("measure", "base_loss"),
    "measured choices of bits": ("gain", "gain_error"),
    "a suggestion": ("networks", "trainings", "how"),
    "a cost": ("latency_ms", "by_layer"),
    "a training": ("architecture", "accuracy", "repeat"),
}
MAX_FILE_BYTES = 1 << 26


def log(where: str, text: str, *given: object, detail: bool = False) -> None:
    """Tell Python's logging what is done, where somebody has loaded it: it takes long to load.

    Parameters
    ----------
    where : str
        The part of flash: its logger is ``flash.WHERE``.
    text, *given
        As loggers take them; on level INFO, or DEBUG with `detail`.
    """
    if "logging" in sys.modules:
        from .logs import tell

        tell(where, text, given, detail)


def public(thing: T) -> T:
    """Decorate what users find as ``flash.<name>``, a class or a function.

    It says so (``__module__``, for help, reprs and pickles). A call that does not fit its signature
    is an ArgumentTypeError which suggests the keyword that was meant, and a class is `suggesting`.
    """
    made: Any = thing
    if isinstance(made, type):
        made.__module__ = "flash"
        if "__init__" in made.__dict__:
            made.__init__ = _hinting(made.__init__)  # type: ignore[misc]
        return suggesting(thing)
    made = _hinting(made)
    made.__module__ = "flash"
    return made  # type: ignore[no-any-return]


def suggesting(cls: T) -> T:
    """Decorate a class of which users read attributes: one that is not there is suggested.

    Not all of `Record`: each read of an attribute takes some nanoseconds longer.
    """
    made: Any = cls
    if not hasattr(made, "__getattr__"):
        made.__getattr__ = _no_attribute
    return cls


def _no_attribute(self: object, name: str) -> Any:
    if hasattr(type(self), name):  # a property whose own code failed: let it say how
        return object.__getattribute__(self, name)
    from .missing import NoAttributeError

    raise NoAttributeError(type(self).__name__, name, self)


def _hinting(function: Any) -> Any:
    def call(*args: Any, **keywords: Any) -> Any:
        try:
            return function(*args, **keywords)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # from within
            text = str(error)
        raise _misfit(function, keywords, text)

    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__"):
        setattr(call, name, getattr(function, name))
    call.__wrapped__ = function  # type: ignore[attr-defined]
    return call


def _misfit(function: Any, keywords: Iterable[str], text: str) -> ArgumentTypeError:
    """Return the error of a call that does not fit a function's signature."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    names = tuple(name for name in names if name != "self")
    for name in keywords:
        if name not in names:
            what = function.__qualname__.removesuffix(".__init__")
            near = hint(name, names) or f"; it takes {', '.join(names)}"
            return ArgumentTypeError(f"{what}() got an unexpected keyword argument {name!r}{near}")
    return ArgumentTypeError(text)


def shown(value: object) -> str:
    """Return a short text of any value, whatever its size or its ``__repr__`` does."""
    try:
        text = repr(value)
    except Exception:  # a huge int or a hostile __repr__ must not hide the real error
        return f"<{type(value).__name__}>"
    return text if len(text) <= 80 else text[:77] + "..."


def hint(value: object, accepted: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest accepted name, or nothing."""
    if not isinstance(value, str):
        return ""
    import difflib

    names = {name.lower(): name for name in accepted}
    given = value[:100].lower()
    if MEANT.get(given) in names:
        found = [MEANT[given]]
    else:
        found = difflib.get_close_matches(given, names, 1, 0.5)
    if not found and len(given) > 2:  # "rpi4" of raspberry-pi-4: its letters, in their order
        found = sorted([name for name in names if _abbreviates(given, name)], key=len)
    return f"; did you mean {names[found[0]]!r}?" if found else ""


def _abbreviates(given: str, name: str) -> bool:
    letters = iter(name)
    return name[:1] == given[:1] and all(letter in letters for letter in given)


def choice(name: str, value: object, accepted: Iterable[str], also: str = "") -> str:
    """Return `value` if it is one of the accepted names.

    `also` tells in errors what else the caller takes: " or a path".

    Raises
    ------
    ArgumentTypeError, ArgumentError
        If it is no string, or not among them; the message suggests the nearest name.
    """
    accepted = tuple(accepted)
    if not isinstance(value, str):
        raise ArgumentTypeError(
            f"{name} must be one of {', '.join(map(repr, accepted))}{also}, "
            f"got {shown(value)} ({type(value).__name__})"
        )
    if value not in accepted:
        raise ArgumentError(
            f"{name} must be one of {', '.join(map(repr, accepted))}{also}, "
            f"got {shown(value)}{hint(value, accepted)}"
        )
    return value


def _kind(low: float | None, high: float | None, above: float | None, noun: str) -> str:
    if above is not None:
        tail = f" above {_end(above)}" + (f", at most {_end(high)}" if high is not None else "")
    elif low is not None and high is not None:
        tail = f" from {_end(low)} to {_end(high)}"
    elif low is not None:
        tail = f" of at least {_end(low)}"
    elif high is not None:
        tail = f" of at most {_end(high)}"
    else:
        tail = ""
    return noun + tail


def _end(limit: float) -> str:
    return f"{limit:g}" if type(limit) is float else str(limit)


def _is_scalar(value: object, method: str) -> bool:
    # numpy's bool has __index__ or __float__ in some versions, and arrays of one element have
    # both: neither is a number to a reader.
    return (
        not isinstance(value, bool)
        and type(value).__name__ not in ("bool", "bool_")
        and hasattr(value, method)
        and not hasattr(value, "__len__")
    )


def _converted(value: Any, method: str) -> Any:
    """Return the int or float that a scalar stands for, or None where it is not a number."""
    if not _is_scalar(value, method):
        return None
    from _operator import index  # when it is needed: most numbers are ints and floats

    try:
        return int(index(value)) if method == "__index__" else float(value)
    except OverflowError:
        return float("inf")
    except Exception:  # a signalling NaN, a date: they have the method and are no numbers
        return None


def integer(name: str, value: Any, low: int | None = None, high: int | None = None) -> int:
    """Return `value` as an int between `low` and `high` (both included).

    Raises
    ------
    ArgumentTypeError, ArgumentError
        If it is no integer (a float of whole value is none either), or out of range.
    """
    if type(value) is not int:
        found = _converted(value, "__index__")
        if found is None:
            raise ArgumentTypeError(
                f"{name} must be {_kind(low, high, None, 'an integer')}, "
                f"got {shown(value)} ({type(value).__name__})"
            )
        value = found
    if (low is not None and value < low) or (high is not None and value > high):
        raise ArgumentError(
            f"{name} must be {_kind(low, high, None, 'an integer')}, got {shown(value)}"
        )
    return value  # type: ignore[no-any-return]


def number(
    name: str,
    value: Any,
    low: float | None = None,
    high: float | None = None,
    *,
    above: float | None = None,
) -> float:
    """Return `value` as a finite float, or as an int where one was given.

    Parameters
    ----------
    low, high
        Limits, both included.
    above
        A lower limit that is itself excluded.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        If it is no number, NaN, infinite or out of range.
    """
    noun = "a finite number"
    result: int | float | None = value if type(value) in (int, float) else None
    if result is None:
        result = _converted(value, "__index__")
    if result is None:
        result = _converted(value, "__float__")
    if result is None:
        raise ArgumentTypeError(
            f"{name} must be {_kind(low, high, above, noun)}, "
            f"got {shown(value)} ({type(value).__name__})"
        )
    try:
        _ = result + 0.0
    except OverflowError:  # an integer that no float holds
        result = INF
    if (
        not -INF < result < INF
        or (low is not None and result < low)
        or (high is not None and result > high)
        or (above is not None and result <= above)
    ):
        raise ArgumentError(f"{name} must be {_kind(low, high, above, noun)}, got {shown(value)}")
    return result


def real(name: str, value: Any, low: float | None = None, high: float | None = None) -> float:
    """Return `number` as a float."""
    try:
        return float(number(name, value, low, high))
    except OverflowError:
        kind = _kind(low, high, None, "a finite number")
        raise ArgumentError(f"{name} must be {kind}, got {shown(value)}") from None


def flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False."""
    if value is not True and value is not False:
        raise ArgumentTypeError(f"{name} must be True or False, got {shown(value)}")
    return value


def watched(name: str, value: Any) -> Any:
    """Return `value` if it says whether progress is shown: True, False or "auto"."""
    auto = isinstance(value, str) and value == "auto"
    if value is not True and value is not False and not auto:
        raise ArgumentTypeError(f"{name} must be True, False or 'auto', got {shown(value)}")
    return value


def listener(name: str, value: Any) -> Any:
    """Return `value` if it can be called, or is None."""
    if value is not None and not callable(value):
        raise ArgumentTypeError(f"{name} must be callable, got {type(value).__name__}")
    return value


def is_list(value: object) -> bool:
    """Whether a value has a length and can be gone through: lists, arrays; no text.

    An array without dimensions and a range beyond any memory have the methods, and no length.
    """
    if isinstance(value, (str, bytes)):
        return False
    given: Any = value
    try:
        iter(given)
        return len(given) >= 0
    except Exception:  # whatever a hostile ``__len__`` raises
        return False


def items(name: str, value: Any, most: int) -> list[Any]:
    """Return what a list, an array or an iterator holds, if that is no text and at most `most`.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        If it cannot be gone through, or does not end by then.
    """
    from itertools import islice

    try:
        if isinstance(value, (str, bytes)) or hasattr(value, "keys"):
            raise TypeError
        found = list(islice(value, most + 1))
    except TypeError:
        kind = type(value).__name__
        raise ArgumentTypeError(f"{name} must be a list, got {shown(value)} ({kind})") from None
    if len(found) > most:
        raise ArgumentError(f"{name} must hold at most {most:,}, got more")
    return found


def text(name: str, value: Any, longest: int | None = None) -> str:
    """Return `value` if it is text, of at most `longest` characters."""
    if not isinstance(value, str) or (longest is not None and len(value) > longest):
        most = "" if longest is None else f" of at most {longest} characters"
        raise ArgumentTypeError(f"{name} must be text{most}, got {shown(value)}")
    return value


def names(name: str, value: Any, accepted: tuple[str, ...]) -> tuple[str, ...]:
    """Return `value` as a tuple if it is a list of accepted names, none twice."""
    if not isinstance(value, (list, tuple)):
        raise ArgumentTypeError(f"{name} must be a list of names, got {shown(value)}")
    for one in value:
        choice(name, one, accepted)
    if len(set(value)) != len(value):
        raise ArgumentError(f"{name} must hold no name twice, got {shown(value)}")
    return tuple(value)


def table(
    name: str, value: Any, accepted: Iterable[str] | None = None, required: Iterable[str] = ()
) -> Mapping[str, Any]:
    """Return `value` if it is a table, of accepted keys only and with all those required.

    Raises
    ------
    FormatError
        Otherwise; the message names the key.
    """
    if not isinstance(value, dict):
        raise FormatError(f"{name} must be a table of names, got {shown(value)}")
    if accepted is not None:
        known_keys(name, value, accepted)
    for key in required:
        if key not in value:
            raise FormatError(f"{name} lacks the key {key!r}{hint(key, map(str, value))}")
    return value


class faults:
    """Within it an argument that is not accepted is a FormatError: plain data hold it.

    where: what the data are; it comes before the message, where that does not begin with it.
    """

    def __init__(self, where: str = "") -> None:
        self.where = where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not isinstance(error, (ArgumentError, ArgumentTypeError)):
            return
        message = str(error)
        if not message.startswith(self.where):
            message = f"{self.where}: {message}"
        elif isinstance(error, FormatError):
            return  # all is said
        raise FormatError(message) from None


def kind_of(data: Any) -> str | None:
    """Return which of `KINDS_OF_FILES` plain data are; None: none of them."""
    if not hasattr(data, "keys"):
        return None
    for kind, marks in KINDS_OF_FILES.items():
        if all(mark in data for mark in marks):
            return kind
    return None


def known_keys(where: str, data: Any, accepted: Iterable[str]) -> Mapping[str, Any]:
    """Return `data` if it is a mapping with no key outside the accepted ones.

    Raises
    ------
    FormatError
        Otherwise; the message names the key and the nearest accepted one.
    """
    if not hasattr(data, "keys") or not hasattr(data, "__getitem__"):
        raise FormatError(f"{where} must be a table of names, got {shown(data)}")
    accepted = tuple(accepted)
    keys: Iterable[object] = data.keys()
    for key in keys:
        if key not in accepted:
            for kind, marks in KINDS_OF_FILES.items():
                own = all(mark in data for mark in marks)
                if own and not all(mark in accepted for mark in marks):
                    raise FormatError(
                        f"{where} is {kind}; what is read here has the keys {', '.join(accepted)}"
                    )
            raise FormatError(
                f"{where} has an unknown key {shown(key)}{hint(key, accepted)}; "
                f"accepted: {', '.join(accepted)}"
            )
    return data  # type: ignore[no-any-return]


def _scan(
    text: str,
    refuse_constant: Callable[[str], None],
    unique: Callable[..., Any],
    as_float: Callable[[str], float],
) -> Any:
    """Scan JSON as `json.loads` does, with its scanner alone.

    ``import json`` brings in ``re`` and ``enum``: as long as half an interpreter takes to start.
    """
    scanner: Any
    try:
        from _json import make_scanner as scanner
    except ImportError:  # another implementation of Python
        scanner = None

    class Context:
        strict = True
        object_hook = None
        object_pairs_hook = staticmethod(unique)
        parse_float = staticmethod(as_float)
        parse_int = int
        parse_constant = staticmethod(refuse_constant)
        memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own

    if scanner is not None:
        blank = " \t\n\r"
        try:
            value, end = scanner(Context())(text, len(text) - len(text.lstrip(blank)))
            if not text[end:].strip(blank):
                return value
        except (StopIteration, SystemError):
            pass  # malformed: the whole module says where, and can raise its own error
    from json import loads

    return loads(
        text, parse_constant=refuse_constant, object_pairs_hook=unique, parse_float=as_float
    )


def parse_json(text: str, where: str = "the JSON text", shipped: bool = False) -> Any:
    """Parse JSON strictly: no NaN or infinity, no key twice, no bottomless nesting.

    Parameters
    ----------
    text : str
    where : str
        What it is, for errors.
    shipped : bool
        Whether it comes with flash: its numbers are not looked at one by one then.

    Raises
    ------
    FormatError
        If the text is not JSON of that kind.
    """

    def refuse_constant(name: str) -> None:
        raise FormatError(f"{where} holds {name}, which is no number")

    def finite(digits: str) -> float:
        value = float(digits)
        if value - value != 0.0:
            raise FormatError(f"{where} holds {digits[:40]}, which no double holds")
        return value

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise FormatError(f"{where} has the key {shown(twice)} twice")
        return table

    try:
        return _scan(text, refuse_constant, unique, float if shipped else finite)
    except RecursionError:
        raise FormatError(f"{where} is nested too deeply") from None
    except FormatError:
        raise
    except ValueError as error:  # malformed, or an integer of more digits than Python reads
        raise FormatError(f"{where} is not valid JSON: {error}") from None


def shipped(*names: str) -> str:
    """Return the path of a file or folder that comes with flash: below ``flash/data``."""
    return os.path.join(os.path.dirname(os.path.dirname(__file__)), "data", *names)


def path_of(name: str, value: Any) -> str:
    """Return the text of a path: of a string or an ``os.PathLike`` that no system would refuse.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        If it is none (a number would be a file descriptor), or holds what no path may hold.
    """
    path: Any = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise ArgumentTypeError(
            f"{name} must be a path, got {shown(value)} ({type(value).__name__})"
        )
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{name} {shown(path)} is no path: {error}") from None
    if b"\0" in encoded:
        raise ArgumentError(f"{name} {shown(path)} is no path: it holds a null character")
    return path


def read_text(path: str | os.PathLike[str], what: str) -> str:
    """Read a UTF-8 text file of at most 64 MiB.

    Raises
    ------
    FormatError
        If it is larger, or not UTF-8, or `path` holds what no path may hold. A missing file stays a
        FileNotFoundError.
    ArgumentTypeError
        If `path` is no path.
    """
    try:
        path_of(what, path)
    except ArgumentError as error:
        raise FormatError(str(error)) from None
    with open(path, "rb") as file:
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise FormatError(f"{what} {os.fspath(path)!r} is larger than {MAX_FILE_BYTES} bytes")
    log("files", "read %s, %d bytes", path, len(raw))
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{what} {os.fspath(path)!r} is not UTF-8 text: {error}") from None


def json_text(
    data: Any, path: str | os.PathLike[str] | None = None, indent: int | None = None
) -> str:
    """Return plain data as JSON text, and write it where a path is given."""
    import json

    text = json.dumps(data, indent=indent, allow_nan=False)
    if path is not None:
        write_text_atomic(path, text + "\n")
    return text


def append_bytes(path: str, data: bytes, sync: bool = True) -> None:
    """Append to a file, all of it or nothing.

    Parameters
    ----------
    sync : bool
        Whether it is on the disk when this returns, or only handed to the system.

    Raises
    ------
    OSError
        If it cannot be written (a full disk); it names the file, which is as it was.
    """
    size = os.path.getsize(path) if os.path.exists(path) else None
    try:
        with open(path, "ab") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        log("files", "appended to %s, %d bytes", path, len(data), detail=True)
    except OSError as error:
        try:
            if size is None:
                os.unlink(path)
            else:
                os.truncate(path, size)
        except OSError:
            pass  # what is left is cut off when it is read
        raise type(error)(error.errno, error.strerror, path) from None


def writable(name: str, path: Any) -> str:
    """Return a path at which a file can be written; an error before any work where none can.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it is no path.
    OSError
        If it is a folder, or its folder is not there or takes no file; it names the path.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"{name} must be a path, got {shown(path)}")
    given: str = os.fsdecode(path)
    if not given:
        raise ArgumentError(f"{name} must be a path, got ''")
    try:
        if os.path.isdir(given):
            from errno import EISDIR

            raise OSError(EISDIR, os.strerror(EISDIR))
        if _is_special(given):
            with open(given, "ab"):
                pass
        else:
            part = _part_of(given)
            with open(part, "xb"):
                pass
            os.unlink(part)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, given) from None
    except ValueError as error:  # a null character
        raise ArgumentError(f"{name} {shown(given)} is no path: {error}") from None
    return given


def _part_of(path: str) -> str:
    return f"{path}.{os.urandom(6).hex()}.part"


def _is_special(path: str) -> bool:
    """Return whether a path is that of a device or a pipe, which nothing may replace."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


def write_text_atomic(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file so that it is either complete or not there; nothing else is left."""
    write_bytes_atomic(path, text.encode("utf-8"))


def write_bytes_atomic(
    path: str | os.PathLike[str], data: bytes | memoryview, *, durable: bool = False
) -> None:
    """Write a file so that it is either complete or not there; nothing else is left.

    What is no file, such as ``/dev/stdout``, is written to as it is. durable: it is on the disk
    before it takes the other's place.
    """
    path = path_of("path", path)
    if _is_special(path):
        with open(path, "wb") as file:
            file.write(data)
        log("files", "wrote %s, %d bytes", path, len(data))
        return
    part = _part_of(path)
    try:
        with open(part, "xb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
        log("files", "wrote %s, %d bytes", path, len(data))
    except OSError as error:
        if os.path.exists(part):
            os.unlink(part)
        raise type(error)(error.errno, error.strerror, path) from None  # not the other file's name
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise
