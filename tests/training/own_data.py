"""Small images of one's own, as files: each class has a colour that a network learns at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLASSES = ("cat", "dog", "owl")


def pixels(label: int, seed: int, height: int = 12, width: int = 12) -> Any:
    """Noise of which one channel is bright."""
    draw = np.random.default_rng([seed, label])
    found = draw.integers(0, 120, (height, width, 3), dtype=np.uint8)
    found[:, :, label] += 100
    return found


def save(path: Path, image: Any, **more: Any) -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **more)
    return path


def folder(
    root: Path,
    each: int = 10,
    sizes: Sequence[tuple[int, int]] = ((12, 12), (9, 16), (20, 10)),
    endings: Sequence[str] = ("png", "jpg", "bmp", "webp"),
    seed: int = 0,
) -> Path:
    """A folder of images by class."""
    for label, name in enumerate(CLASSES):
        for number in range(each):
            height, width = sizes[number % len(sizes)]
            image = pixels(label, seed + number, height, width)
            save(root / name / f"{number:02d}.{endings[number % len(endings)]}", image)
    return root
