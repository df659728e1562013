"""What a training gives: TrainedNetwork, TrainingResult."""

from __future__ import annotations

import os

from ..base.checks import path_of, real
from ..base.plain import AMOUNT, COUNT, REAL, TABLE, Check, by, made, maybe, within
from ..base.record import Record
from ..networks.architecture import Architecture
from ..networks.cell_networks import network_from_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..base.html import Part
    from ..networks.cell_networks import CellNetwork

__all__ = ["TrainedNetwork", "TrainingResult"]


CHECKS: dict[str, Check] = {  # of a line of results.jsonl
    **dict.fromkeys(("index", "repeat", "seed"), COUNT),
    "architecture": by(network_from_dict),
    "accuracy": within(real, 0.0, 1.0),
    **dict.fromkeys(("loss", "train_loss"), maybe(REAL)),
    "seconds": AMOUNT,
    "conditions": TABLE,
}


class TrainedNetwork(Record):
    """One finished training.

    Parameters
    ----------
    index : int
        Number of the network in its run, from 0.
    repeat : int
        Number of the training of this network, from 0.
    seed : int
    architecture : Architecture or CellNetwork
    accuracy : float
        Share of the test images, in [0, 1].
    loss : float or None
        Mean cross entropy over the test images in nats; None where training diverged.
    train_loss : float or None
        The same over the training images during the last epoch, with label smoothing.
    seconds : float
        Of training and judging.
    conditions : dict
        Device, precision, versions, recipe and data.
    """

    index: int
    repeat: int
    seed: int
    architecture: Architecture | CellNetwork
    accuracy: float
    loss: float | None
    train_loss: float | None
    seconds: float
    conditions: dict[str, Any]

    def __repr__(self) -> str:
        return (
            f"TrainedNetwork(index={self.index}, repeat={self.repeat}, "
            f"accuracy={self.accuracy:.4f}, seconds={self.seconds:.1f})"
        )

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> TrainedNetwork:
        """Make one from a line of a run's ``results.jsonl``; FormatError if it is none."""
        return made(cls, "the result", line, CHECKS, version=1)


class TrainingResult(Record):
    """The finished networks of a run, by index and repeat.

    Parameters
    ----------
    samples : tuple of TrainedNetwork
    folder : str
        Where the run is kept.
    """

    samples: tuple[TrainedNetwork, ...]
    folder: str

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def architectures(self) -> list[Architecture | CellNetwork]:
        """The trained networks, each once."""
        return [group[0].architecture for group in self._groups()]

    @property
    def accuracies(self) -> list[float]:
        """The accuracy of each network, the mean of its repeats."""
        return [sum(one.accuracy for one in group) / len(group) for group in self._groups()]

    @property
    def noise(self) -> float | None:
        """Standard deviation of accuracy between repeats, None without repeats."""
        squares, freedom = 0.0, 0
        for group in self._groups():
            mean = sum(one.accuracy for one in group) / len(group)
            squares += sum((one.accuracy - mean) ** 2 for one in group)
            freedom += len(group) - 1
        return (squares / freedom) ** 0.5 if freedom else None

    def _groups(self) -> list[list[TrainedNetwork]]:
        groups: dict[int, list[TrainedNetwork]] = {}
        for one in self.samples:
            groups.setdefault(one.index, []).append(one)
        return [groups[index] for index in sorted(groups)]

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> TrainingResult:
        """Read what a run's folder holds, finished or not."""
        from .ledger import read_lines

        folder = path_of("folder", folder)
        path = os.path.join(folder, "results.jsonl")
        if not os.path.exists(path):
            raise FileNotFoundError(2, "no training results there", path)
        samples = [TrainedNetwork.from_dict(line) for line in read_lines(path)]
        return cls(tuple(sorted(samples, key=lambda one: (one.index, one.repeat))), folder)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "folder": self.folder,
            "noise": self.noise,
            "networks": [
                {
                    **{name: getattr(one, name) for name in one.field_names},
                    "architecture": one.architecture.to_dict(),
                }
                for one in self.samples
            ],
        }

    def __str__(self) -> str:
        from ..results.screen import text

        return text(self._parts())

    def _repr_html_(self) -> str:
        from ..base.html import page

        return page(self._parts())

    def _parts(self) -> list[Part]:
        from ..networks.degree import nn_degree
        from ..results.screen import duration

        rows = [["network", "width", "depth", "skips", "params", "NN-Degree", "accuracy"]]
        groups = self._groups()
        means = self.accuracies
        order = sorted(range(len(groups)), key=lambda number: -means[number])
        for number in order[:25]:
            arch = groups[number][0].architecture
            if isinstance(arch, Architecture):
                columns = [
                    "/".join(str(getattr(cell, name)) for cell in arch.cells)
                    for name in ("width", "depth", "skips")
                ]
            else:
                columns = [str(arch.filters), f"{arch.repeats} x {len(arch.blocks)} blocks", ""]
            index = str(groups[number][0].index)
            numbers = [f"{arch.params:,}", f"{nn_degree(arch):.5g}", f"{100 * means[number]:.2f} %"]
            rows.append([index, *columns, *numbers])
        lines: list[Part] = [(rows, 0, True)]
        if len(order) > 25:
            lines.append(f"... and {len(order) - 25} more")
        spent = duration(sum(one.seconds for one in self.samples))
        noise = self.noise
        lines.append(
            f"{len(self.samples)} trainings, {spent} in all, kept in {self.folder}"
            + ("" if noise is None else f"; noise of accuracy {100 * noise:.2f} points")
        )
        return lines
