"""Several devices for one network: `flash.together`."""

from __future__ import annotations

from ..base.checks import public, shown, table
from ..base.record import Shown
from ..errors import ArgumentError
from ..hardware.target import Target, as_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Any

    from ..base.html import Part

__all__ = ["Together", "together"]


@public
class Together(Shown):
    """Several targets that one network is to run on: see `flash.together`.

    Attributes
    ----------
    targets : dict of str to Target
        By the names that conditions call them.
    """

    def __init__(self, targets: Mapping[str, Target | str | os.PathLike[str]]) -> None:
        self.targets: dict[str, Target] = _checked(targets)

    @property
    def name(self) -> str:
        """What results call it."""
        return " + ".join(f"{name}: {target.name}" for name, target in self.targets.items())

    @property
    def metrics(self) -> tuple[str, ...]:
        """The costs by the names that conditions have for them: ``latency_ms@pi``."""
        return tuple(
            f"{metric}@{name}" for name, target in self.targets.items() for metric in target.metrics
        )

    def __repr__(self) -> str:
        return f"together({', '.join(f'{name}={t.name!r}' for name, t in self.targets.items())})"

    def _parts(self) -> list[Part]:
        rows = [["name", "target", "kind", "models"]]
        rows += [
            [name, target.name, target.kind, ", ".join(target.metrics)]
            for name, target in self.targets.items()
        ]
        return ["one network on several devices", (rows, 4, True)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Together) and self.targets == other.targets

    def __hash__(self) -> int:
        return hash(tuple(self.targets))


@public
def together(**targets: Target | str | os.PathLike[str]) -> Together:
    """Return several devices as one target: one network for all of them.

    Parameters
    ----------
    **targets : Target, or str or path
        Each by a name of its own: conditions call its costs ``latency_ms@name`` and so on.

    Returns
    -------
    Together
        `flash.search` takes it. A budget such as ``max_latency_ms`` holds on every device that
        models it; one device has ``where="latency_ms@pi <= 12"``.

    Raises
    ------
    ArgumentError
        If none is given, or a name or a target is not accepted.

    Examples
    --------
    >>> devices = flash.together(pi="raspberry-pi-4", phone="pixel-3")
    >>> flash.search("densenet", devices, where="latency_ms@pi <= 900 and latency_ms@phone <= 90")
    """
    return Together(targets)


def _checked(targets: Any) -> dict[str, Target]:
    """Return devices by name, each a target."""
    table("targets", targets, None)
    if not targets:
        raise ArgumentError("together() needs at least one device: together(pi='raspberry-pi-4')")
    found: dict[str, Target] = {}
    for name, given in targets.items():
        if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
            raise ArgumentError(
                "together(): names of devices must be those that conditions can have, as pi or "
                f"phone_2, got {shown(name)}"
            )
        target = as_target(given)
        if target.tiles is not None:
            raise ArgumentError(
                f"together({name}=...): {shown(target.name)} has the models of several tiles; "
                "take one of them: Target.on_tile"
            )
        found[name] = target
    return found
