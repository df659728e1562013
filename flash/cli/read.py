"""The texts that stand for numbers, spaces, objectives and networks on the command line."""

from __future__ import annotations

from ..errors import ArgumentError, ArgumentTypeError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..spaces.space import SearchSpace

__all__ = [
    "CONDITIONS",
    "SPACE",
    "amount_of",
    "count",
    "fraction",
    "number",
    "option",
    "read_conditions",
    "read_evaluator",
    "read_kept",
    "read_objective",
    "read_options",
    "read_row",
    "read_space",
    "read_space_data",
    "read_table",
    "read_together",
    "refuse_options",
    "seconds",
]

# What `flash train` takes where no space is named.
SMALL_SPACE: dict[str, Any] = {
    "family": "densenet",
    "width_multipliers": [0.25, 0.5, 1],
    "depths": {"low": 2, "high": 6},
    "skips": {"low": 0, "high": 32, "unit": "width/8"},
}

# Options that are keyword arguments of a space, with what they stand for.
SPACE = {
    "width_multipliers": "width multipliers",
    "cells": "numbers of cells",
    "resolution": "image sizes in pixels",
    "num_classes": "classes of the head",
    "depths": "depths, per cell",
    "skips": "skips, per cell",
    "widths": "free widths, per cell, instead of width multipliers",
    "expansions": "expansions, per cell (mobilenet-v2)",
    "kernels": "kernels, per cell (mobilenet-v2)",
    "link_seed": "seed of the drawn links",
}


def option(name: str) -> str:
    """Return the option of a keyword argument."""
    return "--" + name.replace("_", "-")


def read_space(args: Namespace) -> Any:
    """Return the space: a family's name where that is all, else an object of what is said."""
    from ..networks.families import FAMILIES

    if getattr(args, "images", None) is not None:
        return read_space_of_images(args)
    if args.space in FAMILIES and all(getattr(args, key) is None for key in SPACE):
        return str(args.space)
    from ..spaces.space import SearchSpace

    data = read_space_data(args)
    return SearchSpace.from_dict(data) if isinstance(data, dict) else data


def read_space_of_images(args: Namespace) -> Any:
    """Return the space that SPACE and the options name, for the images of --images."""
    from ..spaces.known.homes import KNOWN
    from ..training.suiting import space_for

    name = args.space
    if name is None:
        raise ArgumentError("--images needs SPACE, whose networks are to take them")
    if name in KNOWN:
        refuse_options(args, but=("resolution",))
        side = args.resolution
        if side is not None and not side.isdecimal():
            raise ArgumentError(f"--resolution must be one number with {name!r}, got {side!r}")
        return space_for(name, args.images, resolution=None if side is None else int(side))
    if name.endswith((".toml", ".json")):
        from ..spaces.files import read

        data = read(name)
    else:
        data = {"family": name}
    return space_for(_with_options(data, args) if hasattr(data, "keys") else data, args.images)


def refuse_options(args: Namespace, but: tuple[str, ...] = ()) -> None:
    """Refuse options of the families with another space."""
    given = [option(key) for key in SPACE if getattr(args, key) is not None and key not in but]
    if given:
        from ..spaces.known.homes import KNOWN

        like = ""
        if args.space in KNOWN:
            like = f"; a .toml or .json file says them: family = {args.space!r}, and its options"
        raise ArgumentError(
            f"{given[0]} is of the families' spaces: {args.space!r} takes none of these options"
            f"{like}"
        )


def read_space_data(args: Namespace) -> Any:
    """Return the space as plain data: what its name or file and the options say, and no more; one
    that is not of the families as it is."""
    from ..networks.families import FAMILIES

    name = args.space
    data: dict[str, Any]
    if name is None:
        data = dict(SMALL_SPACE)
    elif name in FAMILIES:
        data = {"family": name}
    else:
        from ..spaces.named import any_space
        from ..spaces.space import SearchSpace

        found = any_space(name, "SPACE")
        if not isinstance(found, SearchSpace):
            refuse_options(args)
            return found
        data = found.to_dict()
    return _with_options(data, args)


def _with_options(data: dict[str, Any], args: Namespace) -> dict[str, Any]:
    """Return a space as plain data, with what the options say of its choices."""
    changes = {key: getattr(args, key) for key in SPACE if getattr(args, key) is not None}
    data = {**data}
    if "widths" in changes:
        data.pop("width_multipliers", None)
    if "width_multipliers" in changes:
        data.pop("widths", None)
    data.update({key: _choices(key, text) for key, text in changes.items()})
    return data


def _choices(name: str, text: str) -> Any:
    """Read `3`, `1,2,3`, `5:30:5` or `0:127@32`, or several of them with `/` between."""
    if "/" in text:
        return [_one_choice(name, part, listed=True) for part in text.split("/")]
    return _one_choice(name, text)


def _one_choice(name: str, text: str, listed: bool = False) -> Any:
    body, at, divisor = text.partition("@")
    try:
        if ":" in body:
            numbers = [_number(part) for part in body.split(":")]
            if len(numbers) > 3:
                raise ValueError
            found: Any = dict(zip(("low", "high", "step"), numbers, strict=False))
            if at:
                found["unit"] = f"width/{int(divisor)}"
            return found
        if at:
            raise ValueError
        values = [_number(part) for part in body.split(",")]
    except ValueError:
        raise ArgumentError(
            f"{option(name)} must be like 3, 1,2,3, 5:30, 5:30:5 or 0:127@32 "
            f"(per cell with / between), got {text!r}"
        ) from None
    return values if listed or len(values) > 1 else values[0]


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def read_objective(texts: list[str] | None) -> Any:
    """Read an objective: a name, a weighted product (`accuracy=1,latency_ms=-1`, also repeated), a
    weighted sum (`sum: nn_degree=1, latency_ms=-2`) or JSON; several names and sums are a list."""
    if not texts:
        return "accuracy"
    if len(texts) == 1:
        return _objective(texts[0].strip())
    if all("=" in text and not _is_sum(text) for text in texts):
        return _factors(",".join(texts), "accuracy=1,latency_ms=-1")
    return [_objective(text.strip()) for text in texts]


def _is_sum(text: str) -> bool:
    return text.strip().startswith("sum:")


def _objective(text: str) -> Any:
    if text.startswith(("{", "[")):
        from ..base.checks import parse_json

        return parse_json(text, "--objective")
    if _is_sum(text):
        own = text.removeprefix("sum:")
        return {"sum": _factors(own, "'sum: nn_degree=1, latency_ms=-2'")}
    return _factors(text, "accuracy=1,latency_ms=-1") if "=" in text else text


def _factors(text: str, like: str) -> dict[str, float]:
    """Read ``name=number`` with commas between."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        try:
            factor = float(value)
        except ValueError:
            factor = float("nan")
        if factor != factor or name in found:
            raise ArgumentError(
                f"--objective must be like {like} with each name once, got {part!r}"
            )
        found[name] = factor
    return found


def read_together(args: Namespace) -> Any:
    """Return the devices of --together as one target."""
    from ..conditional.together import together

    found: dict[str, str] = {}
    for text in args.together:
        name, equals, target = text.partition("=")
        if not equals or not name.isidentifier() or name in found:
            raise ArgumentError(
                "--together must be like pi=raspberry-pi-4, each name once and one a condition can "
                f"name, got {text!r}"
            )
        found[name] = target
    return together(**found)


CONDITIONS = ("where", "min_nn_degree", "minimize", "k", "min_distance")
UNSAID: dict[str, Any] = {"k": 1, "min_distance": 1}  # what options say where nobody gave them


def read_conditions(args: Namespace, budgets: Iterable[str]) -> dict[str, Any]:
    """Return budgets and conditions of the options, and where they say nothing of --budgets."""
    found = {name: getattr(args, name) for name in (*budgets, *CONDITIONS)}
    found["objective"] = read_objective(args.objective)
    if args.budgets is None:
        return found
    from ..base.checks import known_keys

    where = f"the budgets file {args.budgets!r}"
    data = known_keys(where, read_table(args.budgets, "the budgets file"), found)
    for name, value in data.items():
        if name == "where" and found["where"]:
            found["where"] = [*(value if isinstance(value, list) else [value]), *found["where"]]
        elif name == "objective":
            if not args.objective:
                found["objective"] = value
        elif found[name] == UNSAID.get(name):
            found[name] = value
    return found


def read_table(path: str, what: str) -> Any:
    """Return the data of a TOML or JSON file."""
    from ..base.checks import parse_json, read_text

    text = read_text(path, what)
    if not path.lower().endswith(".toml"):
        return parse_json(text, f"{what} {path!r}")
    import tomllib

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise FormatError(f"{what} {path!r} is nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"{what} {path!r} is not valid TOML: {error}") from None


def read_row(space: SearchSpace, text: str) -> tuple[int, ...]:
    """Return the row of choice indices that an argument of evaluate stands for."""
    from ..base.checks import integer, parse_json, read_text, shown

    words = text.split(",")
    if all(word.removeprefix("-").isdecimal() and len(word) < 4000 for word in words):
        from ..spaces.index import checked_row, row_at

        numbers = [int(word) for word in words]
        if len(numbers) == 1:
            return row_at(space, integer("NETWORK", numbers[0], 0, space.size - 1))
        return checked_row(space, numbers)
    from ..spaces.network_files import network_from_dict

    where = f"the network file {shown(text)}"
    try:
        data = parse_json(read_text(text, "the network file"), where)
    except FileNotFoundError:
        raise ArgumentError(
            "NETWORK must be a flat index, a row of choice indices with commas between, or a JSON "
            f"file, got {shown(text)}, and there is no such file"
        ) from None
    if isinstance(data, dict) and "architecture" in data:
        data = data["architecture"]
        if data is None:
            raise ArgumentError(f"the search result in {text!r} has no network")
    try:
        network: Any = network_from_dict(data)
        return space.encode(network)
    except (ArgumentError, ArgumentTypeError) as error:
        raise ArgumentError(f"{where}: {error}") from None


# Numbers: counts as 1000, 1e6 or 2M, amounts in the unit that the option's name says

SUFFIXES = {"k": 10**3, "m": 10**6, "g": 10**9}


def count(text: str) -> int:
    """Return an integer: ``1000``, ``1e6``, ``2.5M`` (k, M and G are thousands, and so on)."""
    try:
        return int(text)
    except ValueError:
        pass
    scale = SUFFIXES.get(text[-1:].lower(), 1)
    try:
        value = float(text[:-1] if scale > 1 else text) * scale
        if value == value // 1:  # neither a fraction nor NaN; of inf it is NaN
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise _refused("an integer, as 1000, 1e6 or 2M", text)


def amount_of(unit: str) -> Callable[[str], float]:
    """Return what reads a number of a unit, which the option's name says."""

    def amount(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise _refused(f"a number of {unit}, as 4 or 0.5", text) from None

    return amount


def fraction(text: str) -> float:
    """Return a number between 0 and 1; its range is looked at by who takes it."""
    try:
        return float(text)
    except ValueError:
        raise _refused("a number from 0 to 1, as 0.9", text) from None


def number(text: str) -> float:
    """Return a number without a unit."""
    try:
        return float(text)
    except ValueError:
        raise _refused("a number, as 0.1", text) from None


seconds = amount_of("seconds")


def _refused(accepted: str, text: str) -> Exception:
    """Return the error that argparse shows as it is, and `words` takes for what it can't read."""
    from argparse import ArgumentTypeError

    class RefusedError(ArgumentTypeError, ValueError):
        pass

    return RefusedError(f"must be {accepted}, got {text!r}")


def read_evaluator(args: Namespace) -> Any:
    """Return the evaluator that the options name, or None."""
    kinds = ("evaluator", "table", "train", "supernet")
    given = [name for name in kinds if getattr(args, name) is not None]
    if len(given) > 1:
        raise ArgumentError(f"--{given[0]} and --{given[1]} must not both be given")
    if args.table is not None:
        from ..evaluators.by_table import TableEvaluator

        return TableEvaluator(
            args.table,
            accuracy=args.accuracy_column,
            name=args.name_column,
            missing="skip" if args.skip_missing else "error",
        )
    for name in ("accuracy_column", "name_column"):
        if getattr(args, name) is not None:
            raise ArgumentError(f"--{name.replace('_', '-')} needs --table")
    if args.train is not None or args.supernet is not None:
        what = "--train" if args.train is not None else "--supernet"
        if args.out is None:
            raise ArgumentError(f"{what} needs --out, the folder where trainings are kept")
        settings: Any = {} if args.epochs is None else {"epochs": args.epochs}
        if args.supernet is not None:
            if args.keep_weights:
                raise ArgumentError("--keep-weights is of --train: a supernet keeps its own")
            from ..evaluators.by_supernet import SupernetEvaluator

            return SupernetEvaluator(args.supernet, args.out, **settings)
        from ..evaluators.by_training import TrainingEvaluator

        dataset: Any = args.train
        if args.keep_weights:
            settings["keep_weights"] = True
        return TrainingEvaluator(dataset, args.out, **settings)
    if args.out is not None or args.epochs is not None or args.keep_weights:
        raise ArgumentError("--out, --epochs and --keep-weights need --train or --supernet")
    if args.evaluator is not None:
        return str(args.evaluator)
    return None


def read_kept(text: str | None) -> bool | str:
    """Return which weights are kept: none, "all" or "best"."""
    if text is None:
        return False
    from ..base.checks import choice

    return choice("--keep-weights", text, ("all", "best")) == "all" or "best"


def read_options(texts: list[str] | None) -> dict[str, Any]:
    """Read ``name=value`` of several options."""
    found: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or name in found:
            raise ArgumentError(f"--option must be like samples=8, each once, got {text!r}")
        found[name] = _option_value(value)
    return found


def _option_value(text: str) -> Any:
    words = {"true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
