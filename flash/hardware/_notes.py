"""What a target file tells beyond what a search needs: how it was calibrated, and what is open.

A target that comes with flash is read without these, and each is read and checked by itself when
somebody asks for it.
"""

from __future__ import annotations

from ..base.checks import integer, names, real, shown, table
from ..base.names import COSTS
from ..errors import FormatError
from ._format import NOTES, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

__all__ = ["LATE", "check_late", "check_values", "numbers"]

LATE = ("calibrated_ranges", "intervals", "design", *NOTES)  # fields of a Target
NETWORK_RANGES = (*COSTS, "tiles", "macs", "params", "layers")
LAYER_RANGES = ("in_channels", "out_channels", "kernel", "positions")
MAX_NUMBERS = 4096


def check_late(
    where: str,
    key: str,
    data: Mapping[str, Any],
    fields: Mapping[str, Any],
    module: ModuleType,
    budget: list[int],
) -> Any:
    """Return one of the fields `LATE`, checked.

    Parameters
    ----------
    where : str
        What to call the file in errors.
    key : str
    data : mapping
        The file, parsed, or what it holds under this key alone.
    fields : dict
        What `check` returned of the rest of the file.
    module : module
        The target's kind.
    budget : list of one int
        How many more values the descriptive parts may hold.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As `check`.
    """
    if key == "design":
        value = data.get(key)
        if value is None:
            return None
        if not hasattr(module, "check_design"):
            raise FormatError(f"{where}: design is not known of kind {fields['kind']!r}")
        return module.check_design(f"{where}: design", value)
    value, coefficients = data.get(key, {}), fields["coefficients"]
    if key == "intervals":
        return _intervals(where, value, coefficients, module)
    if key == "calibrated_ranges":
        return {
            name: _ranges(f"{where}: {key}.{name}", one, module.FEATURES)
            for name, one in table(f"{where}: {key}", value, coefficients).items()
        }
    plain(f"{where}: {key}", value, budget)
    return dict(table(f"{where}: {key}", value))


def _ranges(where: str, data: Any, features: tuple[str, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    parts = {"network": NETWORK_RANGES, "layer": LAYER_RANGES, "features": features}
    table(where, data, (*parts, "tiles"))
    if "tiles" in data:  # of each run
        result["tiles"] = numbers(f"{where}.tiles", data["tiles"], 0.0, 1e300, rising=True)
    for part, known in parts.items():
        if part == "features" and part not in data:
            continue
        result[part] = {}
        for name, ends in table(f"{where}.{part}", data.get(part, {}), known).items():
            low, high = numbers(f"{where}.{part}.{name}", ends, 0.0, 1e300, length=2)
            result[part][name] = (low, high)
    return result


def _intervals(
    where: str, data: Any, coefficients: Mapping[str, Any], module: ModuleType
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the tables of prediction intervals; see `flash.hardware._fitting.interval_table`."""
    where = f"{where}: intervals"
    keys = ("terms", "scores", "most", "inverse")
    known = tuple([f"{c}.{f}" for c in module.COLUMNS for f in module.FEATURES])
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for name, metrics in table(where, data, coefficients).items():
        result[name] = {}
        modelled = [metric for metric in COSTS if metric in coefficients[name]]
        for metric, one in table(f"{where}.{name}", metrics, modelled).items():
            at = f"{where}.{name}.{metric}"
            table(at, one, keys, keys)
            terms = names(f"{at}.terms", one["terms"], known)
            rows = one["inverse"]
            if not isinstance(rows, (list, tuple)) or len(rows) != len(terms):
                raise FormatError(f"{at}.inverse must hold a row for each of the terms")
            result[name][metric] = {
                "terms": terms,
                "scores": numbers(f"{at}.scores", one["scores"], 0.0, 1e3),
                "most": real(f"{at}.most", one["most"], 0.0, 1e300),
                "inverse": [_row(f"{at}.inverse", row, len(terms)) for row in rows],
            }
    return result


def _row(where: str, data: Any, length: int) -> list[float]:
    if not isinstance(data, (list, tuple)) or len(data) != length:
        raise FormatError(f"{where} must be square, {length} numbers a row, got {shown(data)}")
    row = [float(v) for v in data if type(v) in (int, float) and -1e300 <= v <= 1e300]
    if len(row) < length:  # one is not: name it
        return [real(where, one, -1e300, 1e300) for one in data]
    return row


def numbers(
    where: str,
    value: Any,
    low: float,
    high: float,
    *,
    length: int | None = None,
    rising: bool = False,
) -> list[float]:
    """Return `value` as floats if it is a list of numbers that never fall, or always rise."""
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MAX_NUMBERS:
        raise FormatError(
            f"{where} must be a list of 1 to {MAX_NUMBERS} numbers, got {shown(value)}"
        )
    if length is not None and len(value) != length:
        raise FormatError(f"{where} must hold {length} numbers, got {len(value)}")
    before = low - 1.0
    for one in value:
        if type(one) not in (int, float) or not low <= one <= high:
            real(f"{where}: each entry", one, low, high)
        if one < before or (rising and one == before):
            what = "rise" if rising else "not fall"
            raise FormatError(f"{where} must {what}, got {shown(one)} after {shown(before)}")
        before = one
    return [float(one) for one in value]


def check_values(where: str, values: Any, accepted: Any) -> tuple[Any, ...]:
    """Return a dimension's values: different names, or whole numbers up to `accepted`."""
    if not isinstance(values, (list, tuple)) or not 1 <= len(values) <= 64:
        raise FormatError(f"{where} must be a list of 1 to 64 values, got {values!r}")
    if not isinstance(accepted, int):
        return names(where, values, accepted)
    found = [integer(where, value, 1, accepted) for value in values]
    if len(set(found)) != len(found):
        raise FormatError(f"{where} must hold no value twice, got {values!r}")
    return tuple(found)
