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

__all__ = ["check", "integer", "names_of", "number", "one_of", "plain", "table", "text"]

REQUIRED = ("format", "name", "kind", "coefficients")
NEEDED = (  # by a search, or small
    *REQUIRED, "description", "links", "sets", "not_calibrated_families", "parameters"
)  # fmt: skip
NOTES = ("units", "residuals", "ablation", "provenance")
KEYS = (
    *NEEDED,
    *("calibrated_ranges", "intervals", "model", "features", "design"),
    *NOTES,
)
MAX_SETS = 16
MAX_COEFFICIENT = 1e9
MAX_NOTES = 20_000  # values in all of a file's descriptive parts
MAX_DEPTH = 12
MAX_TEXT = 10_000


def check(
    data: Any,
    where: str,
    kinds: Mapping[str, ModuleType],
    version: int,
    complete: bool = True,
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
    complete : bool
        Whether those too that no search needs: see `_notes`.

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
    if module.LINKS and len(links) < len(coefficients):
        missing = next(key for key in coefficients if key not in links)
        raise FormatError(f"{where}: links lacks the key {missing!r}, a set of coefficients")
    parameters = table(data.get("parameters", {}), f"{where}: parameters")
    budget = [MAX_NOTES]
    plain(parameters, f"{where}: parameters", budget)
    module.array(parameters, f"{where}: parameters")
    if hasattr(module, "check_parameters"):
        module.check_parameters(parameters, f"{where}: parameters")
    fields = {
        "name": name,
        "kind": data["kind"],
        "description": text(data.get("description", ""), f"{where}: description"),
        "coefficients": coefficients,
        "links": {
            key: module.check_links(links.get(key, {}), f"{where}: links.{key}")
            for key in coefficients
        },
        "sets": _sets(data.get("sets", {}), where, coefficients),
        "not_calibrated_families": names_of(
            data.get("not_calibrated_families", ()),
            f"{where}: not_calibrated_families",
            FAMILIES,
        ),
        "parameters": dict(parameters),
    }
    if complete:
        from ._notes import LATE, check_late

        plain(data.get("model", {}), f"{where}: model", budget)
        for key in LATE:
            fields[key] = check_late(key, data, where, fields, module, budget)
    return fields


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


def plain(value: Any, where: str, budget: list[int], depth: int = 0) -> None:
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
            plain(one, where, budget, depth + 1)
    elif kind in (list, tuple):
        for one in value:
            plain(one, where, budget, depth + 1)
    elif kind is str:
        if len(value) > MAX_TEXT:
            text(value, where)
    elif (
        value is not None
        and kind is not bool
        and (kind not in (int, float) or not -1e300 <= value <= 1e300)
    ):
        number(value, f"{where}: a number in it", -1e300, 1e300)
