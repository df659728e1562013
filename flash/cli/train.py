"""The command ``flash train``."""

from __future__ import annotations

from ..errors import ArgumentError
from .read import count, fraction, number, read_kept, read_space_data, refuse_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

__all__ = ["prepare_train", "train"]

TRAIN_EXAMPLES = """\
examples:
  flash train best.json --images photos
  flash train --data digits
  flash train densenet --data images.npz --epochs 30 --out runs/densenet
  flash train densenet --data digits --depths 3:8 --n 10 --repeats 2 --json
  flash train resnet --data photos --resolution 64 --keep-weights best
  flash train --data train.csv --test test.csv --resolution 32

DATA: digits; a folder of images with a folder for each class, perhaps within train and val; a .csv
or .jsonl file with path, label and perhaps split; or an .npz file with images and labels, and
perhaps test_images and test_labels.

SPACE may be the .json file of a network or of a search (flash search ... --json best.json): that
network is trained, and its weights are kept, for flash export.

Without SPACE: a small DenseNet-type space (width multipliers 0.25, 0.5, 1 and depths 2 to 6) that
one processor trains in minutes. A named space has the images' own size and number of classes. The
run is kept in its folder, one JSON line per finished network in results.jsonl; stopped in any way,
the same command goes on with it.
"""


def prepare_train(parser: ArgumentParser) -> None:
    """Add the options of ``flash train``."""
    parser.description = (
        "Train the network that a search found, or networks that cover a space, and judge them on "
        "held-out images."
    )
    parser.epilog = TRAIN_EXAMPLES
    add = parser.add_argument
    add("space", metavar="SPACE", nargs="?",
        help="densenet, mobilenet-v3, vit and others, a plugin's, or a file: of a space, of a "
        "network, or what flash search wrote")  # fmt: skip
    add("--data", metavar="DATA",
        help="digits (8 x 8 images of scikit-learn), a folder of images by class, a .csv or .jsonl "
        "file of paths and labels, or an .npz file")  # fmt: skip
    add("--images", dest="data", metavar="FOLDER", help="the same as --data")
    add("--test", metavar="DATA", help="images to judge by, as --data")
    add("--n", type=count, default=25, metavar="N", help="networks to train (25)")
    add("--epochs", type=count, metavar="N", help="passes over the images (10)")
    add("--batch-size", type=count, metavar="N", help="images a step")
    add("--learning-rate", type=number, metavar="R", help="its peak (0.1)")
    add("--augment", metavar="HOW", help="none, flip, shift or flip-shift")
    add("--precision", metavar="P", help="auto, float32 or bfloat16")
    add("--test-fraction", type=fraction, default=0.2, metavar="F",
        help="share of each class held out where there are no test images (0.2)")  # fmt: skip
    add("--repeats", type=count, default=1, metavar="N", help="trainings of each network")
    add("--seed", type=count, default=0, metavar="N")
    add("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N")
    add("--workers", type=count, metavar="N", help="networks at a time")
    add("--out", metavar="FOLDER", help="where the run is kept")
    add("--no-resume", action="store_true", help="refuse a folder with finished networks")
    add("--keep-weights", nargs="?", const="all", metavar="WHICH",
        help="keep each network's weights, or with 'best' those of the most accurate (of one "
        "network that is named, always)")  # fmt: skip
    add("--memory-gib", type=number, default=4.0, metavar="G",
        help="GiB of decoded images kept; more are decoded in every epoch (4)")  # fmt: skip


def train(args: Namespace) -> int:
    """Run ``flash train``."""
    import flash

    from ..spaces.known.homes import KNOWN
    from ..training.preparing import networks_at
    from .common import print_json

    if args.data is None:
        raise ArgumentError("--data or --images, the images to train on, must be given")
    given = {name: getattr(args, name) for name in ("learning_rate", "augment", "precision")}
    given = {name: value for name, value in given.items() if value is not None}
    space: Any = networks_at(args.space) if args.space is not None else None
    named = space is not None
    if named:
        refuse_options(args)
    elif args.space in KNOWN:  # of the images' own size and number of classes
        refuse_options(args)
        space = args.space
    else:
        space = read_space_data(args)
    result = flash.train(
        space,
        args.data,
        args.n,
        test=args.test,
        test_fraction=args.test_fraction,
        epochs=args.epochs,
        batch_size=args.batch_size,
        recipe=given,
        repeats=args.repeats,
        seed=args.seed,
        device=args.device,
        workers=args.workers,
        out=args.out,
        resume=not args.no_resume,
        keep_weights=read_kept(args.keep_weights) or (named and "best"),
        memory_gib=args.memory_gib,
        progress=args.progress,
    )
    if args.json:
        print_json(result.to_dict())
    else:
        print(result)
    return 0
