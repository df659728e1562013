"""`flash.training.load_images`: images as `flash.train` trains and judges networks on them."""

from __future__ import annotations

from ..base.checks import integer, is_list, shown
from ..base.record import Record
from ..errors import ArgumentError
from ..networks.families import MAX_RESOLUTION, MAX_SEED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    import torch

    from .data import Dataset, Pair

    Labelled: TypeAlias = tuple[torch.Tensor, torch.Tensor]

__all__ = ["LoadedImages", "load_images"]


class LoadedImages(Record):
    """Images as a network takes them.

    Parameters
    ----------
    train, test : (torch.Tensor, torch.Tensor)
        Images, float32, n x channels x height x width, normalised; and class numbers, int64.
    labels : tuple of str or None
        Names of the classes, where labels are text.
    mean, deviation : list of float
        Of each channel, by which images were normalised: those of the training images.
    """

    train: Labelled
    test: Labelled
    labels: tuple[str, ...] | None
    mean: list[float]
    deviation: list[float]

    def __repr__(self) -> str:
        shape = tuple(self.train[0].shape[1:])
        return f"LoadedImages({len(self.train[1])} to train, {len(self.test[1])} to test, {shape})"


def load_images(
    dataset: Dataset,
    shape: int | Sequence[int],
    *,
    test: Pair | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> LoadedImages:
    """Return images as `flash.train` trains and judges networks on them, as tensors.

    With a network's weights it judges to the same accuracy that the training recorded; its `train`
    is what `flash.sensitivities` and `flash.best_measured` take.

    Parameters
    ----------
    dataset, test, test_fraction, seed
        As for `flash.train`: the same give the same split.
    shape : int or (int, int, int)
        Channels, height and width of the network's input; one number is that of pixels of a square
        image with three channels.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If an argument or the data are not accepted.
    MissingExtraError
        If torch is not installed, or Pillow where there are image files (the extra ``train``).
    """
    from ..base.extras import require
    from .data import read
    from .feeding import Feed, local

    given: Any = shape
    if is_list(given):
        if len(given) != 3:
            raise ArgumentError(f"shape must be (channels, height, width), got {shown(shape)}")
        sides = [integer(f"shape[{at}]", one, 1, MAX_RESOLUTION) for at, one in enumerate(given)]
    else:
        sides = [3, *[integer("shape", given, 1, MAX_RESOLUTION)] * 2]
    seed = integer("seed", seed, 0, MAX_SEED)
    torch = require("load_images()", "train", "torch")
    images = read(dataset, test, test_fraction, seed)
    wanted = (sides[0], sides[1], sides[2])
    why = images.unfit(wanted)
    if why is not None:
        raise ArgumentError(f"dataset must fit shape {wanted}, it has {why}")
    data, view = local(images, wanted, 1 << 62)
    parts = {
        name: one[:] if isinstance(one, Feed) else torch.from_numpy(one)
        for name, one in data.items()
    }
    return LoadedImages(
        (parts["train_x"], parts["train_y"]),
        (parts["test_x"], parts["test_y"]),
        images.labels,
        view["mean"],
        view["deviation"],
    )
