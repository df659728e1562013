"""What a drawing of a network of blocks shows: a box for each block, a dashed one for a skip."""

from __future__ import annotations

from ...networks.scene import Group, Scene, Unit, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .fragments import Fragment
    from .network import BlockNetwork

__all__ = ["scene_of_blocks"]

MOST_KINDS = 8  # that colours tell apart: of more, blocks go by their option alone


def scene_of_blocks(net: BlockNetwork) -> Scene:
    """Return the scene of a network of blocks: stages as groups, those of one name and its numbers
    (``body_0``, ``body_1``) as one."""
    stages = net.space.numbering.stages_of(net.row)
    blocks = [one for _, _, some in stages for _, one in some if one is not None]
    by_label = len({one.variant.label for one in blocks}) <= MOST_KINDS
    made = _Made(net, by_label)
    for stage, most, some in stages:
        made.begin(_plain(stage), most)
        for name, one in some:
            made.add(name, one)
    made.end()
    reads = net.input_shape
    told = " x ".join(map(str, reads)) if len(reads) == 3 else _size(reads)
    return Scene(net.family, told, tuple(made.groups), tuple(made.ways))


class _Made:
    """A scene in the making."""

    def __init__(self, net: BlockNetwork, by_label: bool) -> None:
        self.by_label = by_label
        self.colours = _colours(net)
        self.groups: list[Group] = []
        self.ways: list[Way] = []
        self.place = 0
        self.channels, self.size = net.space.channels, _size(net.input_shape)
        self.name, self.most = "", 0
        self.units: list[Unit] = []

    def begin(self, name: str, most: int) -> None:
        """Begin a stage."""
        if name != self.name:
            self.end()
            self.name, self.most = name, 0
        self.most += most

    def end(self) -> None:
        """End the group."""
        if self.units:
            wide = sorted({one.channels for one in self.units if not one.skipped})
            lines = [self.name]
            if wide:
                several = f"{wide[0]:,} to\n{wide[-1]:,}" if len(wide) > 1 else f"{wide[0]:,}"
                lines.append(f"{several} channels")
            there = sum(not one.skipped for one in self.units)
            lines.append(f"{there} of {self.most} blocks" if self.most > 1 else "1 block")
            self.groups.append(Group(tuple(lines), self.size, tuple(self.units)))
        self.units = []

    def add(self, name: str, one: Fragment | None) -> None:
        """Add a block, or a place where none stands."""
        if one is None:
            self.units.append(Unit(f"{name}: skipped", self.channels, "skipped", skipped=True))
        else:
            self.channels, self.size = one.out_channels, _size(one.shape_out)
            variant = one.variant
            told = (
                f"{name}: {variant.label}, {one.in_channels:,} > {self.channels:,}, "
                f"hands on {self.size}"
                f"\n{one.network.params:,} parameters, {one.network.macs:,} MACs"
            )
            kind = variant.label if self.by_label else variant.name
            self.units.append(Unit(told, self.channels, kind, colour=self.colours[kind]))
            if _carries(one):
                self.ways.append(Way(self.place - 0.5, self.place + 0.5, 1.0, f"{name}: residual"))
        self.place += 1


def _colours(net: BlockNetwork) -> dict[str, int]:
    """Return a colour for each label, and for each option's name, of the space: a block has the
    same one whichever network it stands in."""
    every = [
        one
        for stage in net.space.numbering.stages
        for one in stage.variants
        if one.option is not None
    ]
    kinds = dict.fromkeys([one.label for one in every] + [one.name for one in every])
    return {kind: place for place, kind in enumerate(kinds)}


def _plain(stage: str) -> str:
    """Return a stage's name without a number behind it."""
    name, _, number = stage.rpartition("_")
    return name if name and number.isdigit() else stage


def _carries(block: Fragment) -> bool:
    """Whether what a block reads is added to, or concatenated with, what it computes."""
    return any(
        layer.kind in ("add", "concat")
        and len(layer.inputs or ()) > 1
        and -1 in (layer.inputs or ())
        for layer in block.network.layers
    )


def _size(shape: Sequence[int]) -> str:
    """Return a shape in words: the sides of a map, or tokens."""
    if len(shape) == 3:
        return f"{shape[1]} x {shape[2]}"
    return f"{shape[0]:,} tokens" if len(shape) == 2 else f"{shape[0]:,}"
