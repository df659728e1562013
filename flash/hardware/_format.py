"""What a target file may say: every key, name and number is checked before a model is made of it.

A target file is a JSON object. Required are ``format`` (1), ``name``, ``kind`` and
``coefficients``: one or more sets, each ``{column: {feature: number}}``, and ``links`` for each set
where the kind has any. With several sets ``sets`` says for which families each holds. The rest
describes: calibrated_ranges, intervals, not_calibrated_families, residuals, ablation, parameters,
units, provenance, description, model, features.
"""

from __future__ import annotations

from ..base.checks import hint, known_keys, shown
from ..base.names import COST_COLUMNS, COSTS
from ..errors import FormatError
from ..networks.families import FAMILIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType
    from typing import Any

__all__ = ["check", "check_late", "integer", "number", "numbers", "table"]

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
    data: Any,
    where: str,
    kinds: Mapping[str, ModuleType],
    version: int,
) -> dict[str, Any]:
    """Return the fields of a `Target` from parsed data.

    Parameters
    ----------
    data : mapping
        A target file, parsed.
    where : str
        What to call it in errors: its path.
    kinds : dict of str to module
        The kinds of model there are.
    version : int
        The format that is read.

    Raises
    ------
    FormatError
        Where anything is not as it should be: names the key, what came and what is accepted.
    """
    table(data, where, KEYS, REQUIRED)
    if integer(data["format"], f"{where}: format", 0, 2**31) != version:
        raise FormatError(f"{where}: format must be {version}, got {data['format']}")
    name = text(data["name"], f"{where}: name", 100)
    if not name.strip() or not name.isprintable():
        raise FormatError(f"{where}: name must be printable text, got {shown(name)}")
    module = kinds[one_of(data["kind"], f"{where}: kind", kinds)]
    if hasattr(module, "refuse_older"):  # before its features are found to be others
        module.refuse_older(data, where)
    if "features" in data:
        names_of(data["features"], f"{where}: features", module.FEATURES)
    accepted = tuple(column for column in COST_COLUMNS if column in module.COLUMNS)
    coefficients = _coefficients(data["coefficients"], where, module.FEATURES, accepted)
    links = table(data.get("links", {}), f"{where}: links", coefficients)
    ranges = table(data.get("calibrated_ranges", {}), f"{where}: calibrated_ranges", coefficients)
    if module.LINKS and len(links) < len(coefficients):
        missing = next(key for key in coefficients if key not in links)
        raise FormatError(f"{where}: links lacks the key {missing!r}, a set of coefficients")
    budget = [MAX_NOTES]
    for key in ("model", *NOTES):
        _plain(data.get(key, {}), f"{where}: {key}", budget)
    parameters = table(data.get("parameters", {}), f"{where}: parameters")
    module.array(parameters, f"{where}: parameters")
    if hasattr(module, "check_parameters"):
        module.check_parameters(parameters, f"{where}: parameters")
    design = data.get("design")
    if design is not None:
        if not hasattr(module, "check_design"):
            raise FormatError(f"{where}: design is not known of kind {data['kind']!r}")
        design = module.check_design(design, f"{where}: design")
    return {
        "name": name,
        "kind": data["kind"],
        "description": text(data.get("description", ""), f"{where}: description"),
        "coefficients": coefficients,
        "links": {
            key: module.check_links(links.get(key, {}), f"{where}: links.{key}")
            for key in coefficients
        },
        "sets": _sets(data.get("sets", {}), where, coefficients),
        "calibrated_ranges": {
            key: _ranges(one, f"{where}: calibrated_ranges.{key}", module.FEATURES)
            for key, one in ranges.items()
        },
        "intervals": _intervals(data.get("intervals", {}), where, coefficients, module),
        "not_calibrated_families": names_of(
            data.get("not_calibrated_families", ()),
            f"{where}: not_calibrated_families",
            FAMILIES,
        ),
        "design": design,
        **{key: dict(table(data.get(key, {}), f"{where}: {key}")) for key in NOTES},
    }


def check_late(
    key: str, value: Any, where: str, fields: Mapping[str, Any], module: ModuleType
) -> Any:
    """Return one of the fields that tell of the calibration, as `check` does, but by itself.

    Parameters
    ----------
    key : str
        "calibrated_ranges", "intervals" or one of `NOTES`.
    value
        What the file holds there, parsed.
    where : str
        What to call the file in errors.
    fields : dict
        What `check` returned of the rest of the file.
    module : module
        The target's kind.

    Raises
    ------
    FormatError
        As `check`.
    """
    coefficients = fields["coefficients"]
    if key == "intervals":
        return _intervals(value, where, coefficients, module)
    if key == "calibrated_ranges":
        table(value, f"{where}: {key}", coefficients)
        return {
            name: _ranges(one, f"{where}: {key}.{name}", module.FEATURES)
            for name, one in value.items()
        }
    _plain(value, f"{where}: {key}", [MAX_NOTES])
    return dict(table(value, f"{where}: {key}"))


def _coefficients(
    data: Any, where: str, features: tuple[str, ...], columns: tuple[str, ...]
) -> dict[str, dict[str, dict[str, float]]]:
    where = f"{where}: coefficients"
    sets = table(data, where)
    if not 1 <= len(sets) <= MAX_SETS:
        raise FormatError(f"{where} must hold 1 to {MAX_SETS} sets, got {len(sets)}")
    result: dict[str, dict[str, dict[str, float]]] = {}
    for name, one in sets.items():
        at = f"{where}.{text(name, f'{where}: the name of a set', 100)}"
        result[name] = {}
        for column, values in table(one, at, columns, ("latency_ms",)).items():
            result[name][column] = {
                feature: number(value, f"{at}.{column}.{feature}", 0.0, MAX_COEFFICIENT)
                for feature, value in table(values, f"{at}.{column}", features).items()
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


def _sets(data: Any, where: str, coefficients: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    where = f"{where}: sets"
    result: dict[str, tuple[str, ...]] = {}
    for name, families in table(data, where, coefficients).items():
        result[name] = names_of(families, f"{where}.{name}", FAMILIES)
    listed = [family for families in result.values() for family in families]
    for family in FAMILIES:
        if listed.count(family) > 1:
            raise FormatError(f"{where} must name {family!r} once, got {listed.count(family)}")
    if len(coefficients) > 1 and not listed:
        raise FormatError(f"{where} must say for which families each set holds, got none")
    return result


def _ranges(data: Any, where: str, features: tuple[str, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    parts = {"network": NETWORK_RANGES, "layer": LAYER_RANGES, "features": features}
    table(data, where, (*parts, "tiles"))
    if "tiles" in data:  # of each run
        result["tiles"] = numbers(data["tiles"], f"{where}.tiles", 0.0, 1e300, rising=True)
    for part, known in parts.items():
        if part == "features" and part not in data:
            continue
        result[part] = {}
        for name, ends in table(data.get(part, {}), f"{where}.{part}", known).items():
            low, high = numbers(ends, f"{where}.{part}.{name}", 0.0, 1e300, length=2)
            result[part][name] = (low, high)
    return result


def _intervals(
    data: Any, where: str, coefficients: Mapping[str, Any], module: ModuleType
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the tables of prediction intervals; see `flash.hardware._fitting.interval_table`."""
    where = f"{where}: intervals"
    keys = ("terms", "scores", "most", "inverse")
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for name, metrics in table(data, where, coefficients).items():
        result[name] = {}
        modelled = [metric for metric in COSTS if metric in coefficients[name]]
        for metric, one in table(metrics, f"{where}.{name}", modelled).items():
            at = f"{where}.{name}.{metric}"
            table(one, at, keys, keys)
            known = [f"{c}.{f}" for c in module.COLUMNS for f in module.FEATURES]
            terms = names_of(one["terms"], f"{at}.terms", tuple(known))
            rows = one["inverse"]
            if not isinstance(rows, (list, tuple)) or len(rows) != len(terms):
                raise FormatError(f"{at}.inverse must hold a row for each of the terms")
            result[name][metric] = {
                "terms": terms,
                "scores": numbers(one["scores"], f"{at}.scores", 0.0, 1e3),
                "most": number(one["most"], f"{at}.most", 0.0, 1e300),
                "inverse": [_row(row, f"{at}.inverse", len(terms)) for row in rows],
            }
    return result


def _row(data: Any, where: str, length: int) -> list[float]:
    if not isinstance(data, (list, tuple)) or len(data) != length:
        raise FormatError(f"{where} must be square, {length} numbers a row, got {shown(data)}")
    row = [float(v) for v in data if type(v) in (int, float) and -1e300 <= v <= 1e300]
    if len(row) < length:  # one is not: name it
        return [number(one, where, -1e300, 1e300) for one in data]
    return row


# Pieces, also for the kinds' own links


def table(
    data: Any, where: str, accepted: Iterable[str] | None = None, required: Iterable[str] = ()
) -> Mapping[str, Any]:
    """Return `data` if it is a table with known keys and none missing."""
    if not isinstance(data, dict):
        raise FormatError(f"{where} must be a table of names, got {shown(data)}")
    if accepted is not None:
        known_keys(where, data, accepted)
    for key in required:
        if key not in data:
            raise FormatError(f"{where} lacks the key {key!r}{hint(key, map(str, data))}")
    return data


def text(value: Any, where: str, longest: int = MAX_TEXT) -> str:
    """Return `value` if it is text of at most `longest` characters."""
    if not isinstance(value, str) or len(value) > longest:
        raise FormatError(
            f"{where} must be text of at most {longest} characters, got {shown(value)}"
        )
    return value


def one_of(value: Any, where: str, accepted: Iterable[str]) -> str:
    """Return `value` if it is one of the accepted names."""
    accepted = tuple(accepted)
    if not isinstance(value, str) or value not in accepted:
        raise FormatError(
            f"{where} must be one of {', '.join(map(repr, accepted))}, "
            f"got {shown(value)}{hint(value, accepted)}"
        )
    return value


def names_of(value: Any, where: str, accepted: tuple[str, ...]) -> tuple[str, ...]:
    """Return `value` as a tuple if it is a list of accepted names, none twice."""
    if not isinstance(value, (list, tuple)):
        raise FormatError(f"{where} must be a list of names, got {shown(value)}")
    for name in value:
        one_of(name, where, accepted)
    if len(set(value)) != len(value):
        raise FormatError(f"{where} must hold no name twice, got {shown(value)}")
    return tuple(value)


def number(value: Any, where: str, low: float, high: float) -> float:
    """Return `value` as a float if it is a number from `low` to `high`: no boolean, no NaN."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise FormatError(f"{where} must be a number from {low:g} to {high:g}, got {shown(value)}")
    return float(value)


def integer(value: Any, where: str, low: int, high: int) -> int:
    """Return `value` if it is an integer from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:
        raise FormatError(f"{where} must be an integer from {low} to {high}, got {shown(value)}")
    return value


def numbers(
    value: Any,
    where: str,
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
            number(one, f"{where}: each entry", low, high)
        if one < before or (rising and one == before):
            what = "rise" if rising else "not fall"
            raise FormatError(f"{where} must {what}, got {shown(one)} after {shown(before)}")
        before = one
    return [float(one) for one in value]


def _plain(value: Any, where: str, budget: list[int], depth: int = 0) -> None:
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
                text(key, f"{where}: a key")
            _plain(one, where, budget, depth + 1)
    elif kind in (list, tuple):
        for one in value:
            _plain(one, where, budget, depth + 1)
    elif kind is str:
        if len(value) > MAX_TEXT:
            text(value, where)
    elif (
        value is not None
        and kind is not bool
        and (kind not in (int, float) or not -1e300 <= value <= 1e300)
    ):
        number(value, f"{where}: a number in it", -1e300, 1e300)


def check_values(values: Any, where: str, accepted: Any) -> tuple[Any, ...]:
    """Return a dimension's values: different names, or whole numbers up to `accepted`."""
    if not isinstance(values, (list, tuple)) or not 1 <= len(values) <= 64:
        raise FormatError(f"{where} must be a list of 1 to 64 values, got {values!r}")
    if not isinstance(accepted, int):
        return names_of(values, where, accepted)
    found = [integer(value, where, 1, accepted) for value in values]
    if len(set(found)) != len(found):
        raise FormatError(f"{where} must hold no value twice, got {values!r}")
    return tuple(found)
