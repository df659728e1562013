"""What `flash.train` takes, read: the device, recipe and networks, and what tells runs apart."""

from __future__ import annotations

import os

from ..base.checks import choice, integer, known_keys, listener, path_of, shown
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.architecture import FAMILIES
from ..networks.network import Network
from ..results.result import SearchResult
from ..spaces.known.homes import KNOWN
from ..spaces.named import any_space
from ..spaces.space import SearchSpace
from .design import covering
from .feeding import shape_of
from .loop import Recipe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from .images import Data
    from .pixels import Shape

    class Sized(Protocol):
        """What a space needs to know of images."""

        @property
        def classes(self) -> int: ...
        @property
        def side(self) -> int: ...


__all__ = [
    "check_training",
    "conditions_of",
    "device_of",
    "digest",
    "facts_of",
    "is_trainable",
    "networks_at",
    "networks_of",
    "plain",
    "recipe_of",
    "shapes_of",
    "space_at",
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
    images: Data,
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


def space_at(space: Any, images: Sized) -> Any:
    """Return a space of plain data, at the images' size and number of classes where it does not
    say them."""
    if space.get("family") not in FAMILIES and ("family" in space or "stages" in space):
        return _blocks_at(space, images)
    said = known_keys("space", space, SearchSpace.field_names)
    own: dict[str, Any] = {"num_classes": images.classes}
    if "resolution" not in said:
        own["resolution"] = images.side
    return SearchSpace.from_dict({**own, **said})


def _blocks_at(space: Any, images: Sized) -> Any:
    """Return the same of a space of blocks."""
    from ..spaces.known.homes import KNOWN, takes
    from ..spaces.named import space_from

    family = space.get("family")
    own: dict[str, Any] = {"num_classes": images.classes}
    if family in KNOWN:
        taken = takes(family)
        if "num_classes" not in taken:
            raise ArgumentError(f"space: networks of {family!r} take no images")
        if "resolution" in taken:
            own["resolution"] = images.side
        elif "input" in taken:
            own["input"] = [3, images.side, images.side]
    elif "stages" not in space:
        own = {}
    return space_from({**own, **space})


def networks_of(
    space: object, n: int, seed: int, images: Data
) -> tuple[dict[str, Any] | None, list[Any]]:
    """Return (the space as plain data, or None for a list, and the networks to train)."""
    given: Any = space
    if isinstance(given, str) and given in (*FAMILIES, *KNOWN):
        given = {"family": given}
    if isinstance(given, SearchResult):
        if given.architecture is None:
            raise ArgumentError(f"space must have a network to train, got a result {given.status}")
        given = given.architecture
    if hasattr(given, "keys"):
        given = space_at(given, images)
    elif isinstance(given, (str, os.PathLike)):
        given = networks_at(given) or any_space(given)
    if hasattr(given, "decode") and hasattr(given, "sample_indices"):
        named: dict[str, Any] | None = given.to_dict()
        networks: list[Any] = covering(given, n, seed)
    else:
        named = None
        if is_trainable(given):
            given = [given]
        if not isinstance(given, (list, tuple)) or not given:
            raise ArgumentTypeError(
                "space must be a SearchSpace, a name, a file, a SearchResult or a list of "
                "Architecture, "
                f"got {shown(space)} ({type(space).__name__})"
            )
        networks = list(given)
    for number, one in enumerate(networks):
        if not is_trainable(one):
            where = f"space[{number}] must be an Architecture, or another network that"
            raise ArgumentTypeError(
                f"{where} to_torch() makes a module of, got {shown(one)} ({type(one).__name__})"
            )
    for number, one in enumerate(networks):
        _check_fit(f"network {number} of space", one, images)
    return named, networks


def networks_at(path: str | os.PathLike[str]) -> list[Any] | None:
    """Return the networks of a JSON file: a network, a search's result or several; None: a space's
    file.

    Raises
    ------
    FormatError
        If the file is no JSON, or the result has no network.
    """
    if not os.fspath(path).endswith(".json"):
        return None
    from ..spaces.files import read
    from ..spaces.network_files import networks_in

    return networks_in(read(path), f"the network file {shown(os.fspath(path))}")


def is_trainable(network: Any) -> bool:
    """Return whether a network can be trained: one that says how it is made and what it takes.

    A `Network` is not: its rows say how many numbers a layer reads, not which.
    """
    return (
        all(hasattr(network, name) for name in ("to_torch", "to_dict", "params"))
        and (hasattr(network, "input_shape") or hasattr(network, "resolution"))
        and not isinstance(network, (Network, type))
    )


def _check_fit(where: str, network: Any, images: Data) -> None:
    classes = getattr(network, "num_classes", None)
    if classes is not None and classes < images.classes:
        raise ArgumentError(
            f"space must have num_classes of at least the {images.classes} classes of the "
            f"dataset, got {classes}: say num_classes={images.classes} with the space "
            f"(--num-classes {images.classes}); a space by its name has those of the dataset"
        )
    why = images.unfit(shape_of(network))
    if why is not None:
        raise ArgumentError(f"dataset must fit the networks, it has {why} ({where})")


def shapes_of(networks: Sequence[Any]) -> list[Shape]:
    """Return each input of networks once, in rising order."""
    return sorted({shape_of(one) for one in networks})


def facts_of(
    named: dict[str, Any] | None, images: Data, plan: Recipe, seed: int, place: str
) -> dict[str, Any]:
    """Return what makes two runs the same."""
    return {
        "space": named,
        "seed": seed,
        "recipe": plan.to_dict(),
        "dataset": images.fingerprint(),
        "device": place.partition(":")[0],
    }


def conditions_of(torch: Any, place: str, plan: Recipe, images: Data) -> dict[str, Any]:
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
            **images.facts(),
        },
    }


def plain(network: Any) -> Any:
    """Return a network as what JSON gives back."""
    import json

    return json.loads(json.dumps(network.to_dict()))


def digest(data: Any) -> str:
    import hashlib
    import json

    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
