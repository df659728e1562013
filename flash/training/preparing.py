"""What `flash.train` takes, read: the device, recipe and networks, and what tells runs apart."""

from __future__ import annotations

import os

from ..base.checks import choice, integer, known_keys, listener, path_of, shown
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.architecture import FAMILIES, Architecture
from ..networks.cell_networks import CellNetwork
from ..spaces.space import SearchSpace
from .design import covering
from .loop import Recipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .data import Images

__all__ = [
    "check_training",
    "conditions_of",
    "device_of",
    "digest",
    "facts_of",
    "networks_of",
    "recipe_of",
    "space_at",
    "statistics_of",
]


def device_of(torch: Any, device: object) -> str:
    """Return "cpu", "cuda" or "cuda:N", and only what is there."""
    names: tuple[str, ...] = ("auto", "cpu", "cuda")
    base, _, number = device.partition(":") if isinstance(device, str) else (device, "", "")
    if base == "cuda" and number.isdecimal():
        names = (*names, str(device))
    found = choice("device", device, names, " or 'cuda:N'")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if found == "auto":
        return "cuda" if count else "cpu"
    if found != "cpu" and int(number or 0) >= count:
        raise ArgumentError(f"device must be one that torch finds, got {found!r} of {count} CUDA")
    return found


def recipe_of(
    given: Recipe | Mapping[str, Any] | None,
    epochs: int | None,
    batch_size: int | None,
    images: Images,
) -> Recipe:
    count = len(images.train_y)
    if not isinstance(given, Recipe):
        usual = 128 if count >= 10_000 else min(64, max(2, count // 10))
        own: dict[str, Any] = {"batch_size": usual, "augment": images.augment, **(given or {})}
        given = Recipe(**own)
    changes = {"epochs": epochs, "batch_size": batch_size}
    plan = given.replace(**{name: one for name, one in changes.items() if one is not None})
    if plan.batch_size > count:
        raise ArgumentError(
            f"batch_size must be at most the {count} training images, got {plan.batch_size}"
        )
    return plan


def check_training(epochs: Any, batch_size: Any, recipe: Any, out: Any, callback: Any) -> None:
    """Check what every training takes, before data are read."""
    listener("callback", callback)
    if recipe is not None and not isinstance(recipe, Recipe):
        known_keys("recipe", recipe, Recipe.field_names)
    for name, value, low in (("epochs", epochs, 1), ("batch_size", batch_size, 2)):
        if value is not None:
            integer(name, value, low)
    if out is not None and not path_of("out", out):
        raise ArgumentError("out must be the path of a folder, got ''")


def space_at(space: Any, images: Images) -> SearchSpace:
    """Return a space of plain data, at the images' size and number of classes where it does not
    say them."""
    own = {"resolution": images.side, "num_classes": images.classes}
    return SearchSpace.from_dict({**own, **known_keys("space", space, SearchSpace.field_names)})


def networks_of(
    space: object, n: int, seed: int, images: Images
) -> tuple[dict[str, Any] | None, list[Architecture | CellNetwork]]:
    """Return (the space as plain data, or None for a list, and the networks to train)."""
    if isinstance(space, str) and space in FAMILIES:
        space = {"family": space}
    if hasattr(space, "keys"):
        space = space_at(space, images)
    elif isinstance(space, (str, os.PathLike)):
        if not os.fspath(space).endswith((".toml", ".json")):
            choice("space", space, FAMILIES, ", a SearchSpace, its file or a list of Architecture")
        space = SearchSpace.load(space)
    if isinstance(space, SearchSpace):
        named: dict[str, Any] | None = space.to_dict()
        networks: list[Architecture | CellNetwork] = list(covering(space, n, seed))
    else:
        named = None
        if isinstance(space, (Architecture, CellNetwork)):
            space = [space]
        if not isinstance(space, (list, tuple)) or not space:
            raise ArgumentTypeError(
                "space must be a SearchSpace, a name, a file or a list of Architecture, "
                f"got {shown(space)} ({type(space).__name__})"
            )
        for number, one in enumerate(space):
            if not isinstance(one, (Architecture, CellNetwork)):
                raise ArgumentTypeError(
                    f"space[{number}] must be an Architecture, got {shown(one)}"
                )
        networks = list(space)
    for arch in networks:
        if arch.num_classes < images.classes:
            raise ArgumentError(
                f"space must have num_classes of at least the {images.classes} classes of the "
                f"dataset, got {arch.num_classes}"
            )
    return named, networks


def facts_of(
    named: dict[str, Any] | None, images: Images, plan: Recipe, seed: int, place: str
) -> dict[str, Any]:
    """Return what makes two runs the same."""
    return {
        "space": named,
        "seed": seed,
        "recipe": plan.to_dict(),
        "dataset": images.fingerprint(),
        "device": place.partition(":")[0],
    }


def conditions_of(torch: Any, place: str, plan: Recipe, images: Images) -> dict[str, Any]:
    from .._version import __version__

    reduced = plan.precision == "bfloat16" or (plan.precision == "auto" and place != "cpu")
    return {
        "device": place if place == "cpu" else torch.cuda.get_device_name(place),
        "threads": 1 if place == "cpu" else None,
        "precision": "bfloat16" if reduced else "float32",
        "torch": str(torch.__version__),
        "flash": __version__,
        "recipe": plan.to_dict(),
        "dataset": {
            "name": images.name,
            "fingerprint": images.fingerprint(),
            "train_images": len(images.train_y),
            "test_images": len(images.test_y),
            "classes": images.classes,
            "side": images.side,
        },
    }


def statistics_of(images: Images) -> dict[str, list[float]]:
    """Return mean and deviation of each channel over the training images."""
    import numpy as np

    axes = (0, 2, 3)
    mean = images.train_x.mean(axis=axes, dtype=np.float64)
    deviation = images.train_x.std(axis=axes, dtype=np.float64)
    return {
        "mean": mean.tolist(),
        "deviation": np.where(deviation > 0, deviation, 1.0).tolist(),
    }


def digest(data: Any) -> str:
    import hashlib
    import json

    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
