"""A user's objective function through numba, where that helps; otherwise it runs as it is.

Whether a function is compiled follows from the function and the arguments of the search alone,
never from a clock: its compiled and its plain scores may differ in their last bits, and one seed
has to give one answer.
"""

from __future__ import annotations

from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType

import numpy as np

from ..base.checks import log, shown
from ..base.extras import install
from .callers import caller_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["Again", "Scorer", "loops"]

LEAST_S = 5.0  # a time limit below it leaves no time to compile: the first function takes 1 to 2 s
CHECKED = 64  # configurations of a batch, spread over it, on which the scores must agree ...
LARGE = 512  # ... of the first batches, and of each as large as this
CLOSE = 1e-9  # relative
KEPT = 16  # compiled functions kept for later searches
KNOWN = ("numpy", "numba", "math", "random")  # numba has its own for what is in these
LARGEST = 1 << 20  # bytes of an array that a kept function may refer to

_kept: dict[Any, Any] = {}


class Again(Exception):
    """Scores of before were compiled ones, and turned out to be others than the function's."""


class _Unknown(Exception):
    """A value that could change without its fingerprint changing."""


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Code and the code nested in it: lambdas, comprehensions."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _outer(function: FunctionType) -> dict[str, Any]:
    """The globals and closure variables that a function refers to, by name."""
    found = {}
    for code in _codes(function.__code__):
        for name in code.co_names:
            if name in function.__globals__:
                found[name] = function.__globals__[name]
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    for name, cell in cells:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            raise _Unknown from None
    return found


def loops(function: FunctionType, seen: frozenset[CodeType] = frozenset()) -> bool:
    """Whether a function, or a Python function that it refers to, has a loop or comprehension."""
    import dis

    seen |= {function.__code__}
    for code in _codes(function.__code__):
        if any("JUMP_BACKWARD" in one.opname for one in dis.get_instructions(code)):
            return True
    try:
        others = _outer(function).values()
    except _Unknown:
        return False
    return any(
        loops(one, seen)
        for one in others
        if isinstance(one, FunctionType) and one.__code__ not in seen
    )


def _fingerprint(value: Any, seen: tuple[FunctionType, ...] = ()) -> Any:
    """Return something hashable that equals another's only where both compile to the same.

    numba takes globals and closure variables for constants, so their values count.
    """
    if type(value) in (type(None), bool, int, float, complex, str, bytes):
        return type(value), repr(value)
    if isinstance(value, tuple):
        return "tuple", type(value), *(_fingerprint(one, seen) for one in value)
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind not in "biufc" or value.nbytes > LARGEST:
            raise _Unknown
        strides = getattr(value, "strides", ())
        return type(value), value.dtype.str, value.shape, strides, value.tobytes()
    if isinstance(value, FunctionType):
        if value in seen:
            return "again", seen.index(value)
        seen = (*seen, value)
        outer = sorted(_outer(value).items())
        return (
            value.__code__,
            _fingerprint(value.__defaults__, seen),
            _fingerprint(tuple(sorted((value.__kwdefaults__ or {}).items())), seen),
            *((name, _fingerprint(one, seen)) for name, one in outer),
        )
    if isinstance(value, ModuleType) and value.__name__.partition(".")[0] in ("numpy", "math"):
        return "module", value.__name__
    fixed = (BuiltinFunctionType, np.ufunc, type(np.where), type)
    if isinstance(value, fixed) or _is_compiled(value):
        return "object", value
    raise _Unknown


def _is_compiled(function: Any) -> bool:
    """Whether a function is one that numba.njit returned."""
    return type(function).__module__.partition(".")[0] == "numba" and hasattr(function, "py_func")


class Scorer:
    """A user's function as the search calls it, and how it is run.

    Parameters
    ----------
    function : callable
        The user's: a dict of arrays in, scores out.
    wish : bool or None
        True: compile where that can be done. None: where the function has loops, too. False: no.
    limit_s : float
        The search's time limit.

    Attributes
    ----------
    note : str
        What runs the function, and why; empty where it was not asked anything yet.
    may_differ : bool
        Whether scores come from a compilation of ours, so that a winner is worth a second look.
    """

    def __init__(self, function: Callable[[Any], Any], wish: bool | None, limit_s: float) -> None:
        self.own: bool = _is_compiled(function)
        self.given = function
        self.plain: Callable[[Any], Any] = getattr(function, "py_func", function)
        self.compiled: Callable[..., Any] | None = None
        self.checked: int = 0
        self.note: str = ""
        self.start: bool = (
            False  # to be compiled for the first batch, whose columns name its arguments
        )
        reason = self._why_not(wish, limit_s)
        if reason is None:
            self.start = True
        else:
            self.drop(reason)

    @property
    def may_differ(self) -> bool:
        return self.compiled is not None and not self.own

    def _why_not(self, wish: bool | None, limit_s: float) -> str | None:
        if wish is False:
            return "compile_objective=False"
        if not self.own:
            if not isinstance(self.plain, FunctionType):
                return f"numba compiles Python functions only, not a {type(self.plain).__name__}"
            if wish is None and not loops(self.plain):
                return "it has no loops, and array operations are compiled already"
            if limit_s < LEAST_S:
                return f"compiling could take longer than time_limit_s={limit_s:g}"
        return None

    def drop(self, reason: str) -> None:
        """Run the function as it is from now on."""
        self.start, self.compiled = False, None
        self.note = f"objective run as plain Python: {reason}"
        log("search", "%s", self.note)

    def __call__(self, data: dict[str, Any]) -> Any:
        """Return the function's scores; whatever the plain function raises comes through."""
        if self.start:
            self._compile(data)
        if self.compiled is None:
            return self.plain(data)
        n = len(data["choices"])
        reason = None
        scores: Any = None
        try:
            if not self.own and (n >= LARGE or self.checked < CHECKED):
                some = np.unique(np.linspace(0, n - 1, CHECKED).round().astype(int))
                part = {name: column[some] for name, column in data.items()}
                reason = _difference(self._run(part), self.plain(_copy(part)))
            if reason is None:
                scores = self._run(data)
        except Exception as error:
            scores = self.plain(_copy(data))  # raises as well, where that is the function's way
            reason = f"it raised {type(error).__name__}, and plain it does not"
        if reason is None:
            self.checked += n
            return scores
        self.drop(f"compiled by numba {reason}")
        if self.checked:
            raise Again
        return self.plain(data)

    def _run(self, data: dict[str, Any]) -> Any:
        assert self.compiled is not None
        return self.compiled(*_copy(data).values())

    def _compile(self, data: dict[str, Any]) -> None:
        self.start = False
        try:
            import numba
        except ImportError as error:
            if error.name == "numba":
                self.drop(f"numba is not installed ({install('numba')})")
            else:
                self.drop(f"numba cannot be imported: {_line(error)}")
            return
        except Exception as error:  # numba's own checks of numpy, llvmlite, the environment
            self.drop(f"numba cannot be imported: {_line(error)}")
            return
        config: Any = numba.config  # pyright: ignore[reportPrivateImportUsage]
        if config.DISABLE_JIT:
            self.drop("NUMBA_DISABLE_JIT is set")
            return
        columns = tuple((name, column.dtype.str, column.ndim) for name, column in data.items())
        try:
            key = (_fingerprint(self.given), columns)
        except (_Unknown, RecursionError):
            key = None
        made = None if key is None else _kept.get(key)
        if made is None:
            made = _make(numba, self.given, self.own, data)
            if key is not None:
                while len(_kept) >= KEPT:
                    _kept.pop(next(iter(_kept)), None)
                _kept[key] = made
        if isinstance(made, str):
            self.drop(made)
            return
        self.compiled = made
        self.note = f"objective compiled by numba {numba.__version__}"
        log("search", "%s", self.note)


def _copy(data: dict[str, Any]) -> dict[str, Any]:
    """A copy to be spoilt: the function may write into what it is given, and is asked again."""
    return {name: column.copy() for name, column in data.items()}


def _make(numba: Any, function: Any, own: bool, data: dict[str, Any]) -> Any:
    """Return the compiled function of the columns, or why there is none.

    ``data["latency_ms"]`` compiles as it stands. Indices are checked, as Python does.
    """
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inner = function if own else _with_helpers(function, numba, {})
            caller = caller_of(inner, data)
            if caller is None:
                return f"it is not compiled for the columns {', '.join(data)}"
            call = numba.njit(caller)
            call.compile(tuple(numba.typeof(column.copy()) for column in data.values()))
    except Exception as error:  # numba's errors are of many kinds, also bare AssertionErrors
        return f"numba cannot compile it: {_line(error)}"
    return call


def _with_helpers(function: FunctionType, numba: Any, made: dict[FunctionType, Any]) -> Any:
    """Return a function for numba to compile, and with it the Python functions that it calls."""
    if function in made:
        return made[function]
    scope = dict(function.__globals__)
    cells = tuple(CellType(cell.cell_contents) for cell in function.__closure__ or ())
    twin = FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, cells or None
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    made[function] = numba.njit(boundscheck=True)(twin)
    for name, value in _outer(function).items():
        if isinstance(value, FunctionType) and str(value.__module__).partition(".")[0] not in KNOWN:
            helper = _with_helpers(value, numba, made)
            if name in function.__code__.co_freevars:
                cells[function.__code__.co_freevars.index(name)].cell_contents = helper
            else:
                scope[name] = helper
    return made[function]


def _line(error: Exception) -> str:
    """Return the telling line of an error, without what changes from run to run."""
    import re

    text = re.sub(r"\x1b\[[0-9;]*m| at 0x[0-9a-fA-F]+", "", str(error))
    lines = [line.strip() for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith("Failed in nopython mode")]
    first = told[0] if told else ""
    first = first if len(first) <= 160 else first[:157] + "..."
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _difference(scores: Any, plain: Any) -> str | None:
    """Return in what compiled scores differ from plain ones beyond rounding, or None."""
    try:
        got, want = np.asarray(scores), np.asarray(plain)
    except ValueError:
        return "its scores are no array"
    if got.shape != want.shape:
        return f"its scores have shape {got.shape} instead of {want.shape}"
    if got.dtype != want.dtype:
        return f"its scores are {got.dtype} instead of {want.dtype}"
    if got.dtype.kind not in "biuf":
        return None if (got == want).all() else "its scores differ"
    with np.errstate(all="ignore"):
        same = np.isclose(got, want, rtol=CLOSE, atol=0.0, equal_nan=True)
    if not same.all():
        at = int(np.argmin(same.ravel()))
        pair = got.ravel()[at].item(), want.ravel()[at].item()
        return f"its scores differ: {shown(pair[0])} instead of {shown(pair[1])}"
    return None
