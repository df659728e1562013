"""What a target file may say: every key, name and number is checked before a model is made of it.

A target file is a JSON object. Required are ``format`` (1), ``name``, ``kind`` and
``coefficients``: one or more sets, each ``{column: {feature: number}}``, and ``links`` for each set
where the kind has any. With several sets ``sets`` says for which families each holds. The rest
describes: calibrated_ranges, intervals, not_calibrated_families, residuals, ablation, parameters,
units, provenance, description, model, features.
"""

from __future__ import annotations

from ..base.checks import choice, flag, integer, names, real, shown, table, text
from ..base.names import COST_COLUMNS, COSTS
from ..errors import FormatError
from ..networks.families import FAMILIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType
    from typing import Any

__all__ = ["check", "check_rooms", "plain"]

REQUIRED = ("format", "name", "kind", "coefficients")
NEEDED = (  # by a search, or small
    *REQUIRED, "description", "links", "sets", "not_calibrated_families", "parameters", "tiles"
)  # fmt: skip
# keys of a table of layers, and what its device has
OF_LAYERS = ("format", "name", "kind", "table", "description", "parameters")
NOTES = ("units", "residuals", "ablation", "provenance")
TILE = (  # what each tile has of its own, in a target with the models of several
    *("parameters", "coefficients", "links", "sets", "calibrated_ranges", "intervals"),
    *("residuals", "not_calibrated_families"),
)
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
ROOMS = ("sram_kib", "flash_kib")  # of a device; with "taken" what its runtime takes of them
MEMORY = (*ROOMS, "sram_taken_kib", "flash_taken_kib", "int8")
MAX_KIB = 2.0**40


def check(
    where: str,
    data: Any,
    kinds: Mapping[str, ModuleType],
    version: int,
    complete: bool = True,
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
    complete : bool
        Whether those too that no search needs: see `_notes`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Where anything is not as it should be: names the key, what came and what is accepted.
    """
    if isinstance(data, dict) and data.get("kind") == "layers":
        table(where, data, OF_LAYERS, OF_LAYERS[:4])
    else:
        table(where, data, KEYS, REQUIRED)
    if integer(f"{where}: format", data["format"], 0, 2**31) != version:
        raise FormatError(f"{where}: format must be {version}, got {data['format']}")
    name = text(f"{where}: name", data["name"], 100)
    if not name.strip() or not name.isprintable():
        raise FormatError(f"{where}: name must be printable text, got {shown(name)}")
    module = kinds[choice(f"{where}: kind", data["kind"], kinds)]
    if hasattr(module, "check_table"):
        found = module.check_table(f"{where}: table", data["table"])
        memory = dict(table(f"{where}: parameters", data.get("parameters", {}), MEMORY))
        check_rooms(f"{where}: parameters", memory)
        return {
            "name": name,
            "kind": data["kind"],
            "description": text(f"{where}: description", data.get("description", ""), MAX_TEXT),
            "coefficients": {"default": {metric: {} for metric in found.metrics}},
            "links": {"default": {}},
            "sets": {},
            "calibrated_ranges": {},
            "parameters": memory or None,
            "table": found,
        }
    if hasattr(module, "refuse_older"):  # before its features are found to be others
        module.refuse_older(data, where)
    if "features" in data:
        names(f"{where}: features", data["features"], module.FEATURES)
    accepted = tuple(column for column in COST_COLUMNS if column in module.COLUMNS)
    coefficients = _coefficients(where, data["coefficients"], module.FEATURES, accepted)
    links = table(f"{where}: links", data.get("links", {}), coefficients)
    if module.LINKS and len(links) < len(coefficients):
        missing = next(key for key in coefficients if key not in links)
        raise FormatError(f"{where}: links lacks the key {missing!r}, a set of coefficients")
    parameters = table(f"{where}: parameters", data.get("parameters", {}))
    budget = [MAX_NOTES]
    plain(f"{where}: parameters", parameters, budget)
    flag(f"{where}: parameters.runs_every_row", parameters.get("runs_every_row", False))
    if parameters:
        check_rooms(f"{where}: parameters", parameters)
    module.array(parameters, f"{where}: parameters")
    if hasattr(module, "check_parameters"):
        module.check_parameters(f"{where}: parameters", parameters)
    fields = {
        "name": name,
        "kind": data["kind"],
        "description": text(f"{where}: description", data.get("description", ""), MAX_TEXT),
        "coefficients": coefficients,
        "links": {
            key: module.check_links(f"{where}: links.{key}", links.get(key, {}))
            for key in coefficients
        },
        "sets": _sets(where, data.get("sets", {}), coefficients),
        "not_calibrated_families": names(
            f"{where}: not_calibrated_families",
            data.get("not_calibrated_families", ()),
            FAMILIES,
        ),
        "parameters": dict(parameters),
    }
    if hasattr(module, "check_fields"):
        module.check_fields(where, fields)
    if "tiles" in data:
        fields["tiles"] = _tiles(where, data, fields, kinds, version)
    if complete:
        from ._notes import LATE, check_late

        plain(f"{where}: model", data.get("model", {}), budget)
        for key in LATE:
            fields[key] = check_late(where, key, data, fields, module, budget)
    return fields


def check_rooms(where: str, parameters: Mapping[str, Any]) -> None:
    """Check what a device has for a network's values and for its weights, of any kind of target."""
    flag(f"{where}.int8", parameters.get("int8", False))
    for name in ROOMS:
        taken = f"{name[:-4]}_taken_kib"
        if name not in parameters:
            if taken in parameters:
                raise FormatError(f"{where}.{taken} is a part of {name}, which is not there")
            continue
        most = real(f"{where}.{name}", parameters[name], 0.0, MAX_KIB)
        own = real(f"{where}.{taken}", parameters.get(taken, 0.0), 0.0, MAX_KIB)
        if own >= most:
            raise FormatError(f"{where}.{taken} must be less than {name}, {most:g}, got {own:g}")


def _tiles(
    where: str,
    data: Mapping[str, Any],
    fields: Mapping[str, Any],
    kinds: Mapping[str, ModuleType],
    version: int,
) -> dict[str, dict[str, Any]]:
    """Return the models of the other tiles, each checked as a target of its own."""
    sides = getattr(kinds[data["kind"]], "sides_of", lambda _: ())(fields["parameters"])
    at = f"{where}: tiles"
    if not sides:
        raise FormatError(f"{at} needs parameters.floorplan, the rule that gives networks a tile")
    if data.get("design") is not None:
        raise FormatError(
            f"{at} goes with no design: its accelerators would have tiles of their own"
        )
    own, *others = sides
    known = tuple(str(side) for side in others)
    result = {}
    metrics = {column for column in next(iter(fields["coefficients"].values())) if column in COSTS}
    for side, entry in table(at, data["tiles"], known, known).items():
        one = table(f"{at}.{side}", entry, TILE, ("parameters", "coefficients"))
        head = {key: data[key] for key in ("format", "name", "kind")}
        checked = check(f"{at}.{side}", {**head, **one}, kinds, version)
        model = checked["parameters"]
        rule, theirs = fields["parameters"]["floorplan"], model.get("floorplan")
        if (theirs, str(model.get("tile"))) != (rule, side):
            raise FormatError(
                f"{at}.{side}.parameters must have the floorplan {rule!r} and the tile {side}, got "
                f"{shown(theirs)} and {shown(model.get('tile'))}"
            )
        modelled = next(iter(checked["coefficients"].values()))
        if {column for column in modelled if column in COSTS} != metrics:
            raise FormatError(
                f"{at}.{side} must model the costs that tiles of {own} do, got "
                f"{', '.join(column for column in modelled if column in COSTS)}"
            )
        result[side] = {key: checked[key] for key in TILE}
    return result


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


def plain(where: str, value: Any, budget: list[int], depth: int = 0) -> None:
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
            plain(where, one, budget, depth + 1)
    elif kind in (list, tuple):
        for one in value:
            plain(where, one, budget, depth + 1)
    elif kind is str:
        if len(value) > MAX_TEXT:
            text(where, value, MAX_TEXT)
    elif (
        value is not None
        and kind is not bool
        and (kind not in (int, float) or not -1e300 <= value <= 1e300)
    ):
        real(f"{where}: a number in it", value, -1e300, 1e300)
