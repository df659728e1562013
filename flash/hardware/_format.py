"""What a target file may say: every key, name and number is checked before a model is made of it.

A target file is a JSON object. Required are ``format`` (1), ``name``, ``kind`` and
``coefficients``: one or more sets, each ``{column: {feature: number}}``, and ``links`` for each set
where the kind has any. With several sets ``sets`` says for which families each holds. The rest
describes: calibrated_ranges, intervals, not_calibrated_families, residuals, ablation, parameters,
units, provenance, description, model, features.
"""

from __future__ import annotations

from ..base.checks import choice, integer, names, real, shown, table, text
from ..base.names import COST_COLUMNS, COSTS
from ..errors import FormatError
from ..networks.families import FAMILIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

__all__ = ["check", "check_late", "check_values", "numbers"]

REQUIRED = ("format", "name", "kind", "coefficients")
NOTES = ("units", "parameters", "residuals", "ablation", "provenance")
KEYS = (
    *REQUIRED,
    "links",
    "sets",
    "calibrated_ranges",
    "intervals",
    "not_calibrated_families",
    "description",
    "model",
    "features",
    "design",
    *NOTES,
)
NETWORK_RANGES = (*COSTS, "tiles", "macs", "params", "layers")
LAYER_RANGES = ("in_channels", "out_channels", "kernel", "positions")
MAX_SETS = 16
MAX_NUMBERS = 4096
MAX_COEFFICIENT = 1e9
MAX_NOTES = 20_000  # values in all of a file's descriptive parts
MAX_DEPTH = 12
MAX_TEXT = 10_000


def check(
    where: str,
    data: Any,
    kinds: Mapping[str, ModuleType],
    version: int,
) -> dict[str, Any]:
    """Return the fields of a `Target` from parsed data.

    Parameters
    ----------
    where : str
        What to call it in errors: its path.
    data : mapping
        A target file, parsed.
    kinds : dict of str to module
        The kinds of model there are.
    version : int
        The format that is read.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Where anything is not as it should be: names the key, what came and what is accepted.
    """
    table(where, data, KEYS, REQUIRED)
    if integer(f"{where}: format", data["format"], 0, 2**31) != version:
        raise FormatError(f"{where}: format must be {version}, got {data['format']}")
    name = text(f"{where}: name", data["name"], 100)
    if not name.strip() or not name.isprintable():
        raise FormatError(f"{where}: name must be printable text, got {shown(name)}")
    module = kinds[choice(f"{where}: kind", data["kind"], kinds)]
    if hasattr(module, "refuse_older"):  # before its features are found to be others
        module.refuse_older(data, where)
    if "features" in data:
        names(f"{where}: features", data["features"], module.FEATURES)
    accepted = tuple(column for column in COST_COLUMNS if column in module.COLUMNS)
    coefficients = _coefficients(where, data["coefficients"], module.FEATURES, accepted)
    links = table(f"{where}: links", data.get("links", {}), coefficients)
    ranges = table(f"{where}: calibrated_ranges", data.get("calibrated_ranges", {}), coefficients)
    if module.LINKS and len(links) < len(coefficients):
        missing = next(key for key in coefficients if key not in links)
        raise FormatError(f"{where}: links lacks the key {missing!r}, a set of coefficients")
    budget = [MAX_NOTES]
    for key in ("model", *NOTES):
        _plain(f"{where}: {key}", data.get(key, {}), budget)
    parameters = table(f"{where}: parameters", data.get("parameters", {}))
    module.array(parameters, f"{where}: parameters")
    if hasattr(module, "check_parameters"):
        module.check_parameters(f"{where}: parameters", parameters)
    design = data.get("design")
    if design is not None:
        if not hasattr(module, "check_design"):
            raise FormatError(f"{where}: design is not known of kind {data['kind']!r}")
        design = module.check_design(f"{where}: design", design)
    return {
        "name": name,
        "kind": data["kind"],
        "description": text(f"{where}: description", data.get("description", ""), MAX_TEXT),
        "coefficients": coefficients,
        "links": {
            key: module.check_links(f"{where}: links.{key}", links.get(key, {}))
            for key in coefficients
        },
        "sets": _sets(where, data.get("sets", {}), coefficients),
        "calibrated_ranges": {
            key: _ranges(f"{where}: calibrated_ranges.{key}", one, module.FEATURES)
            for key, one in ranges.items()
        },
        "intervals": _intervals(where, data.get("intervals", {}), coefficients, module),
        "not_calibrated_families": names(
            f"{where}: not_calibrated_families",
            data.get("not_calibrated_families", ()),
            FAMILIES,
        ),
        "design": design,
        **{key: dict(table(f"{where}: {key}", data.get(key, {}))) for key in NOTES},
    }


def check_late(
    where: str, key: str, value: Any, fields: Mapping[str, Any], module: ModuleType
) -> Any:
    """Return one of the fields that tell of the calibration, as `check` does, but by itself.

    Parameters
    ----------
    where : str
        What to call the file in errors.
    key : str
        "calibrated_ranges", "intervals" or one of `NOTES`.
    value
        What the file holds there, parsed.
    fields : dict
        What `check` returned of the rest of the file.
    module : module
        The target's kind.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        As `check`.
    """
    coefficients = fields["coefficients"]
    if key == "intervals":
        return _intervals(where, value, coefficients, module)
    if key == "calibrated_ranges":
        table(f"{where}: {key}", value, coefficients)
        return {
            name: _ranges(f"{where}: {key}.{name}", one, module.FEATURES)
            for name, one in value.items()
        }
    _plain(f"{where}: {key}", value, [MAX_NOTES])
    return dict(table(f"{where}: {key}", value))


def _coefficients(
    where: str, data: Any, features: tuple[str, ...], columns: tuple[str, ...]
) -> dict[str, dict[str, dict[str, float]]]:
    where = f"{where}: coefficients"
    sets = table(where, data)
    if not 1 <= len(sets) <= MAX_SETS:
        raise FormatError(f"{where} must hold 1 to {MAX_SETS} sets, got {len(sets)}")
    result: dict[str, dict[str, dict[str, float]]] = {}
    for name, one in sets.items():
        at = f"{where}.{text(f'{where}: the name of a set', name, 100)}"
        result[name] = {}
        for column, values in table(at, one, columns, ("latency_ms",)).items():
            result[name][column] = {
                feature: real(f"{at}.{column}.{feature}", value, 0.0, MAX_COEFFICIENT)
                for feature, value in table(f"{at}.{column}", values, features).items()
            }
            if column in COSTS and not any(result[name][column].values()):
                raise FormatError(f"{at}.{column} must hold a coefficient above 0, got none")
        modelled = [column for column in COSTS if column in result[name]]
        first = next(iter(result))
        if modelled != [column for column in COSTS if column in result[first]]:
            raise FormatError(
                f"{at} must model the costs that {first!r} models, got {', '.join(modelled)}"
            )
        for column in result[name]:
            main = {"ms": "latency_ms", "mj": "energy_mj", "mm2": "area_mm2"}[column.split("_")[-1]]
            if main not in result[name]:
                raise FormatError(f"{at} holds {column} but lacks {main!r}")
    return result


def _sets(where: str, data: Any, coefficients: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    where = f"{where}: sets"
    result: dict[str, tuple[str, ...]] = {}
    for name, families in table(where, data, coefficients).items():
        result[name] = names(f"{where}.{name}", families, FAMILIES)
    listed = [family for families in result.values() for family in families]
    for family in FAMILIES:
        if listed.count(family) > 1:
            raise FormatError(f"{where} must name {family!r} once, got {listed.count(family)}")
    if len(coefficients) > 1 and not listed:
        raise FormatError(f"{where} must say for which families each set holds, got none")
    return result


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
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for name, metrics in table(where, data, coefficients).items():
        result[name] = {}
        modelled = [metric for metric in COSTS if metric in coefficients[name]]
        for metric, one in table(f"{where}.{name}", metrics, modelled).items():
            at = f"{where}.{name}.{metric}"
            table(at, one, keys, keys)
            known = [f"{c}.{f}" for c in module.COLUMNS for f in module.FEATURES]
            terms = names(f"{at}.terms", one["terms"], tuple(known))
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


# Pieces, also for the kinds' own parameters


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


def _plain(where: str, value: Any, budget: list[int], depth: int = 0) -> None:
    """Refuse anything but short JSON values, and more of them than a description needs."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise FormatError(
            f"{where} is too much: at most {MAX_NOTES} values, {MAX_DEPTH} levels deep, are read"
        )
    kind = type(value)
    if kind is dict:
        for key, one in value.items():
            if type(key) is not str or len(key) > MAX_TEXT:
                text(f"{where}: a key", key, MAX_TEXT)
            _plain(where, one, budget, depth + 1)
    elif kind in (list, tuple):
        for one in value:
            _plain(where, one, budget, depth + 1)
    elif kind is str:
        if len(value) > MAX_TEXT:
            text(where, value, MAX_TEXT)
    elif (
        value is not None
        and kind is not bool
        and (kind not in (int, float) or not -1e300 <= value <= 1e300)
    ):
        real(f"{where}: a number in it", value, -1e300, 1e300)


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
