"""What a training gives: TrainedNetwork, TrainingResult."""

from __future__ import annotations

import os

from ..base.checks import integer, path_of, real
from ..base.plain import AMOUNT, COUNT, REAL, TABLE, Check, by, made, maybe, within
from ..base.record import Record, Reported
from ..errors import ArgumentError
from ..networks.architecture import Architecture
from ..spaces.network_files import network_from_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Literal, overload

    import torch
    from matplotlib.figure import Figure
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..networks.cell_networks import Net

__all__ = ["TrainedNetwork", "TrainingResult", "best_of"]


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
    architecture: Net
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


class TrainingResult(Record, Reported):
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
    def architectures(self) -> list[Net]:
        """The trained networks, each once."""
        return [group[0].architecture for group in self.groups]

    @property
    def accuracies(self) -> list[float]:
        """The accuracy of each network, the mean of its repeats."""
        return [sum(one.accuracy for one in group) / len(group) for group in self.groups]

    @property
    def noise(self) -> float | None:
        """Standard deviation of accuracy between repeats, None without repeats."""
        squares, freedom = 0.0, 0
        for group in self.groups:
            mean = sum(one.accuracy for one in group) / len(group)
            squares += sum((one.accuracy - mean) ** 2 for one in group)
            freedom += len(group) - 1
        return (squares / freedom) ** 0.5 if freedom else None

    @property
    def best(self) -> TrainedNetwork:
        """The most accurate training; of equal ones that of the lowest loss, then the first.

        Raises
        ------
        ArgumentError
            If nothing is finished.
        """
        if not self.samples:
            raise ArgumentError(f"there is no best: nothing is finished in {self.folder!r}")
        found = best_of({"at": at, **vars(one)} for at, one in enumerate(self.samples))
        at: int = found["at"]
        return self.samples[at]

    def weights(self, index: int | None = None, repeat: int | None = None) -> str:
        """Return the path of the weights that were kept of a network.

        Parameters
        ----------
        index, repeat : int, optional
            Usually those of `best`; of another network the first training.

        Raises
        ------
        ArgumentError
            If they were not kept; the message says how they are.
        """
        from .ledger import weights_name

        one = self.sample(index, repeat)
        for best in (False, True):
            path = os.path.join(self.folder, "weights", weights_name(one.index, one.repeat, best))
            if os.path.exists(path):
                return path
        raise ArgumentError(
            f"the weights of network {one.index} were not kept in {self.folder!r}: train with "
            "keep_weights=True, or 'best' for those of the most accurate (--keep-weights), into "
            "the same folder"
        )

    def to_torch(self, index: int | None = None, repeat: int | None = None) -> torch.nn.Module:
        """Return a network as a torch module with its trained weights, in evaluation mode.

        Parameters
        ----------
        index, repeat : int, optional
            As for `weights`: usually the best.

        Raises
        ------
        ArgumentError
            If its weights were not kept.
        """
        from ..networks.weights import load_weights

        path = self.weights(index, repeat)
        return load_weights(self.sample(index, repeat).architecture.to_torch(), path)

    def to_onnx(
        self,
        path: str | os.PathLike[str],
        index: int | None = None,
        repeat: int | None = None,
        **options: Any,
    ) -> None:
        """Write a network with its trained weights as an ONNX file: see `Architecture.to_onnx`.

        Parameters
        ----------
        path : path
        index, repeat : int, optional
            As for `weights`: usually the best.
        **options
            ``opset`` and ``batch``.

        Raises
        ------
        ArgumentError
            If its weights were not kept.
        """
        network = self.sample(index, repeat).architecture
        network.to_onnx(path, module=self.to_torch(index, repeat), **options)

    def sample(self, index: int | None = None, repeat: int | None = None) -> TrainedNetwork:
        """Return one training: of a network its first, of none named `best`.

        Raises
        ------
        ArgumentError
            If it is not finished.
        """
        if index is None and repeat is None:
            return self.best
        at = integer("index", self.best.index if index is None else index, 0)
        again = integer("repeat", repeat or 0, 0)
        for one in self.samples:
            if (one.index, one.repeat) == (at, again):
                return one
        raise ArgumentError(
            f"index must be one of the {len(self.groups)} networks finished in "
            f"{self.folder!r}, and repeat one of its trainings, got {at} and {again}"
        )

    @property
    def groups(self) -> list[list[TrainedNetwork]]:
        """The trainings of each network, in the order of `architectures`."""
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

    if TYPE_CHECKING:

        @overload
        def plot(self, engine: Literal["matplotlib"] = "matplotlib") -> Figure: ...
        @overload
        def plot(self, engine: Literal["plotly"]) -> PlotlyFigure: ...

    def plot(self, engine: str = "matplotlib") -> Figure | PlotlyFigure:
        """Draw the accuracy of each network against its parameters, MACs and NN-Degree, with the
        noise of repeated trainings.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If nothing is finished.
        MissingExtraError
            If the engine is not installed.
        """
        from ..base.checks import choice
        from ..charts.chart import ENGINES
        from .charted import chart_of

        choice("engine", engine, ENGINES)
        return chart_of(self).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from .charted import charts_of

        return charts_of(self)

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

    def _line(self) -> str:
        if not self.samples:
            return "nothing is finished"
        return f"{_counted(len(self))}, the best {100 * self.best.accuracy:.2f} %"

    def _title(self) -> str:
        return f"trainings in {self.folder}"

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _parts(self) -> list[Part]:
        from contextlib import suppress

        from ..networks.degree import nn_degree
        from ..results.screen import duration

        rows = [["network", "width", "depth", "skips", "params", "NN-Degree", "accuracy"]]
        groups = self.groups
        means = self.accuracies
        order = sorted(range(len(groups)), key=lambda number: -means[number])
        for number in order[:25]:
            arch = groups[number][0].architecture
            columns = _columns(arch)
            index = str(groups[number][0].index)
            numbers = [f"{arch.params:,}", f"{nn_degree(arch):.5g}", f"{100 * means[number]:.2f} %"]
            rows.append([index, *columns, *numbers])
        lines: list[Part] = [(rows, 0, True)]
        if len(order) > 25:
            lines.append(f"... and {len(order) - 25} more")
        spent = duration(sum(one.seconds for one in self.samples))
        noise = self.noise
        lines.append(
            f"{_counted(len(self))}, {spent} in all, kept in {self.folder}"
            + ("" if noise is None else f"; noise of accuracy {100 * noise:.2f} points")
        )
        with suppress(ArgumentError):  # they were not kept, or nothing is finished
            lines.append(f"weights of the best: {self.weights()}")
        return lines


def _counted(trainings: int) -> str:
    return f"{trainings:,} training{'' if trainings == 1 else 's'}"


def _columns(arch: Any) -> list[str]:
    """Return what a table says of a network's shape: three texts."""
    if isinstance(arch, Architecture):
        return [
            "/".join(str(getattr(cell, name)) for cell in arch.cells)
            for name in ("width", "depth", "skips")
        ]
    if hasattr(arch, "filters"):
        return [str(arch.filters), f"{arch.repeats} x {len(arch.blocks)} blocks", ""]
    return [str(arch.family), "", ""]


def best_of(lines: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the line of the highest accuracy, then lowest loss, then lowest index and repeat."""

    def order(line: Mapping[str, Any]) -> tuple[float, float, int, int]:
        loss = line["loss"]
        return (
            -line["accuracy"],
            float("inf") if loss is None else loss,
            line["index"],
            line["repeat"],
        )

    return min(lines, key=order)
