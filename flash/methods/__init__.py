"""Search methods of other papers, on the same spaces, targets and budgets as flash's own.

One module per method. It has ``run(task: Task) -> None``, which asks the task for rows until it is
done, and ``OPTIONS``, the options it takes. To add one to flash: write its module and name it in
`METHODS`. One from outside is a function, passed itself or registered: `own` reads it.
"""

from __future__ import annotations

from ..base.checks import choice, flag, integer, number, public, shown, text
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

    from .own import OwnMethod

__all__ = ["METHODS", "Method", "MethodOption", "module_of", "options_for"]


class Method(Record):
    """A search method, as the registry knows it.

    Parameters
    ----------
    module : str
        Its module in this package.
    about : str
        What it is, in one line, with its source.
    ends : bool
        Whether it ends by itself; one that does not needs a limit, and has the evaluator's usual
        number of evaluations without.
    """

    module: str
    about: str
    ends: bool = False


METHODS: dict[str, Method] = {
    "flash": Method(
        "loop", "FLASH: a model after every training says which network to train next", True
    ),
    "random": Method("random_search", "uniform draws within the budgets"),
    "evolution": Method("evolution", "regularised evolution (arXiv 1802.01548)"),
    "pnas": Method("pnas", "progressive search with a surrogate (arXiv 1712.00559)", ends=True),
    "fp-nas": Method(
        "fp_nas", "FP-NAS: a distribution, sampled by its entropy (arXiv 2011.10949)", True
    ),
    "parsec": Method("parsec", "PARSEC: the same with a fixed sample count", True),
    "hao": Method(
        "hao", "HAO: the accelerator too, by an integer program (arXiv 2104.12766)", True
    ),
    "netadapt-v2": Method(
        "netadapt_v2", "NetAdaptV2: several layers shrink to the budget (arXiv 2104.00031)", True
    ),
    "netadapt": Method("netadapt", "NetAdapt: one layer at a time (arXiv 1804.03230)", True),
    "hurricane": Method(
        "hurricane", "HURRICANE: pools per device, late layers first (arXiv 1910.11609)", True
    ),
    "spos": Method("spos", "SPOS: single-stage one-shot search (arXiv 1904.00420)", True),
}


@public
class MethodOption(Record):
    """An option of a method.

    Parameters
    ----------
    default : int, float, bool or str
        Its type is that of the option.
    low, high : number, optional
        Limits, both included.
    choices : tuple of str
        What a text may be; any, where it is empty.
    about : str
    """

    default: Any
    low: Any = None
    high: Any = None
    choices: tuple[str, ...] = ()
    about: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.default, (bool, int, float, str)):
            raise ArgumentTypeError(
                "default must be a number, text, True or False, got "
                f"{shown(self.default)} ({type(self.default).__name__})"
            )
        for name in ("low", "high"):
            value = getattr(self, name)
            if value is not None:
                number(name, value)
        given: Any = self.choices
        if not isinstance(given, tuple) or not all(isinstance(one, str) for one in given):
            raise ArgumentTypeError(f"choices must be a tuple of text, got {shown(given)}")
        text("about", self.about)
        self.check("default", self.default)

    def check(self, name: str, value: Any) -> Any:
        """Return a value that the option accepts."""
        if isinstance(self.default, bool):
            return flag(name, value)
        if isinstance(self.default, str):
            return choice(name, value, self.choices) if self.choices else text(name, value)
        if isinstance(self.default, int):
            return integer(name, value, self.low, self.high)
        return float(number(name, value, self.low, self.high))


def module_of(method: str) -> ModuleType:
    """Return the module of a method: it is loaded at its first use."""
    name = METHODS[method].module
    found: ModuleType = __import__(f"{__name__}.{name}", fromlist=[name])
    return found


def options_for(method: str | OwnMethod, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return all options of a method: those given, checked, and the defaults of the others.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If there is no such option, or a value is not accepted.
    """
    known: Mapping[str, MethodOption]
    if isinstance(method, str):
        known, title = module_of(method).OPTIONS, method
    else:
        known, title = method.OPTIONS, method.name
    if given is None:
        given = {}
    if not hasattr(given, "keys"):
        raise ArgumentTypeError(f"options must be a dict, got {shown(given)}")
    out = {name: option.default for name, option in known.items()}
    for name in given:
        if name not in known:
            from ..base.checks import hint

            accepted = ", ".join(known) or "none"
            raise ArgumentError(
                f"options: method {title!r} has no {shown(name)}{hint(name, known)}; "
                f"it takes {accepted}"
            )
        out[name] = known[name].check(f"options[{name!r}]", given[name])
    return out
