"""Networks of the families, and cell networks, as source code: cells are rows of a table."""

from __future__ import annotations

from textwrap import wrap

from ....errors import ArgumentError
from .. import plans
from .file import Written, class_name
from .layout import WIDTH, Group, call, group, joined, literal, raw, statement
from .source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ...architecture import Architecture
    from ...cell_networks import CellNetwork

__all__ = ["of_architecture", "of_cell_network"]

PARTS = "flash.networks.writing.parts"
CELL_PARTS = "flash.networks.writing.cell_parts"
RUN = 90  # columns of a line of channel numbers

CHANNELS = '''\
def channels(text: str, candidates: int) -> list[int]:
    """Return channel numbers: "all" of the candidates, or single ones and runs as "0-3 7"."""
    if text == "all":
        return list(range(candidates))
    found: list[int] = []
    for run in text.split():
        first, _, last = run.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
'''

# How blocks are made: of two convolutions, with the norm before or behind them, and inverted ones.
PAIR = {
    "input": '''\
def body(in_channels: int, width: int, stride: int) -> nn.Sequential:
    """Return the convolutions of a block."""
    return nn.Sequential(
        conv_unit(in_channels, width, 3, stride, "input", "{activation}"),
        conv_unit(width, width, 3, 1, "input", "{activation}"),
    )
''',
    "output": '''\
def body(in_channels: int, width: int, stride: int, residual: bool) -> nn.Sequential:
    """Return the convolutions of a block."""
    return nn.Sequential(
        conv_unit(in_channels, width, 3, stride, "output", "{activation}"),
        conv_unit(width, width, 3, 1, "output", None if residual else "{after}"),
    )
''',
}
INVERTED = '''\
def body(in_channels: int, width: int, stride: int, expansion: int, kernel: int) -> nn.Sequential:
    """Return the convolutions of a block."""
    hidden = in_channels * expansion
    units = []
    if expansion > 1:
        units.append(conv_unit(in_channels, hidden, 1, 1, "output", "relu6"))
    units.append(conv_unit(hidden, hidden, kernel, stride, "output", "relu6", hidden))
    units.append(conv_unit(hidden, width, 1, 1, "output"))
    return nn.Sequential(*units)
'''
FORWARD = '''
    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (batch, {classes})."""
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x)
        return self.head(x)
'''


def of_architecture(arch: Architecture, about: Sequence[str]) -> Written:
    """Return the source code of an architecture's module."""
    dense = arch.family == "densenet"
    source = Source()
    source.add(PARTS, ["conv_unit", "DenseCell" if dense else "Block", "initialise"])
    return Written(
        class_name(arch.family, source.names),
        "nn.Module",
        _about(arch, about),
        ("from collections import OrderedDict", "from torch import Tensor"),
        source,
        [_table(arch), CHANNELS, *([] if dense else [_body(arch)])],
        _begin(arch)
        + (_dense_cells(arch) if dense else _addition_cells(arch))
        + _end(arch)
        + FORWARD.format(classes=arch.num_classes),
    )


def _about(arch: Architecture, about: Sequence[str]) -> list[str]:
    depth = sum(cell.depth for cell in arch.cells)
    what = "layers" if arch.family == "densenet" else "blocks"
    size = f"images of {arch.resolution} x {arch.resolution}, {arch.num_classes} classes"
    cells = f"{len(arch.cells)} cell{'' if len(arch.cells) == 1 else 's'}"
    return [
        f"{arch.family}: {cells}, {depth} {what}; {size}.",
        counts(arch.params, arch.macs, "image"),
        *about,
        f"Links are drawn by link_seed {arch.link_seed}. {same_weights('Architecture')}",
    ]


def counts(params: int, macs: int, one: str) -> str:
    """Return a sentence on how large a network is."""
    return f"{params:,} parameters; {macs:,} multiply-accumulates for one {one}."


def same_weights(what: str, seeded: bool = True) -> str:
    """Return what the weights of the file's class have to do with those of flash."""
    text = (
        f"Weights have the names of flash's `{what}.to_torch()`: each takes a state_dict of the "
        "other."
    )
    if seeded:
        text += " After torch.manual_seed(s) it begins with the weights of `to_torch(seed=s)`."
    return text


def _table(arch: Architecture) -> str:
    """Return the cells as a constant."""
    dense, mobile = arch.family == "densenet", arch.family == "mobilenet-v2"
    rows = []
    for number, cell in enumerate(arch.cells):
        row: list[Any] = [cell.width, plans.stride_of(arch, number)]
        if mobile:
            row += [cell.expansion, cell.kernel]
        row.append(_links(plans.carried(arch, number), cell.width, dense))
        rows.append(group(row))
    columns = ["channels", "stride of the first " + ("layer" if dense else "block")]
    if mobile:
        columns += ["expansion", "kernel"]
    text = f"Of each cell: {', '.join(columns)}, and for each "
    if dense:
        text += (
            "layer which channels of layers 0 to two before it it takes, beside those of the one "
            "before it (channel c of layer j is j * channels + c): see `channels`."
        )
    else:
        text += "block which channels its residual carries: see `channels`."
    comment = "".join(f"# {line}\n" for line in wrap(text, WIDTH - 2))
    return comment + statement("CELLS", group(rows))


def _links(links: Sequence[Sequence[int]], width: int, dense: bool) -> Group:
    texts: list[Any] = []
    for layer, channels in enumerate(links):
        candidates = width * max(0, layer - 1) if dense else width
        whole = 0 < candidates == len(channels)
        texts.append("all" if whole else _runs(channels))
    if len(texts) > 3 and len(set(texts)) == 1 and isinstance(texts[0], str):
        return raw(f"{len(texts)} * ({literal(texts[0])},)")
    return group(texts)


def _runs(channels: Sequence[int]) -> Any:
    """Return numbers as text, runs of them as "0-3"; of a long one its lines."""
    runs: list[list[int]] = []
    for channel in channels:
        if runs and runs[-1][1] + 1 == channel:
            runs[-1][1] = channel
        else:
            runs.append([channel, channel])
    words = [str(low) if low == high else f"{low}-{high}" for low, high in runs]
    text = " ".join(words)
    return text if len(text) <= RUN else joined(wrap(text, RUN - 10, break_on_hyphens=False))


def _begin(arch: Architecture) -> str:
    """Return the class's text up to its cells."""
    unit, pool, channels = plans.stem_of(arch)
    stem = call("nn.Sequential") if unit is None else _unit(unit)
    text = "    def __init__(self) -> None:\n        super().__init__()\n"
    text += statement("self.stem", stem, 8)
    if pool:
        text += '        self.stem.add_module("pool", nn.MaxPool2d(3, 2, 1))\n'
    return f"{text}        self.cells = nn.ModuleList()\n        enter = {channels}\n"


def _unit(unit: dict[str, Any]) -> Group:
    names = ("in_channels", "out_channels", "kernel")
    more = {key: value for key, value in unit.items() if key not in names}
    return call("conv_unit", [unit[name] for name in names], more)


def _dense_cells(arch: Architecture) -> str:
    bare = ""
    if plans.is_bare(arch, 0):
        bare = ", bare=not self.cells"
    return f"""\
        for width, stride, links in CELLS:
            taken = [channels(one, width * (layer - 1)) for layer, one in enumerate(links)]
            self.cells.append(DenseCell(enter, width, stride, taken{bare}))
            enter = width
"""


def _body(arch: Architecture) -> str:
    """Return the function that makes a block's convolutions."""
    if arch.family == "mobilenet-v2":
        return INVERTED
    width = arch.cells[0].width
    units = plans.body_of(arch, 0, 1, 1, False)
    norm, activation, after = units[0]["norm"], units[0]["activation"], units[-1]["activation"]
    pair = [(1, width, 3, 1), (width, width, 3, 1)]
    names = ("in_channels", "out_channels", "kernel", "groups")
    if [tuple(unit[name] for name in names) for unit in units] != pair:
        raise ArgumentError(f"to_torch_code() does not know the blocks of {arch.family!r}")
    return PAIR[norm].format(activation=activation, after=after)


def _addition_cells(arch: Architecture) -> str:
    columns, more = "width, stride, links", ""
    if arch.family == "mobilenet-v2":
        columns, more = "width, stride, expansion, kernel, links", ", expansion, kernel"
    elif plans.body_of(arch, 0, 1, 1, False)[0]["norm"] == "output":
        more = ", bool(carried)"
    after = plans.after_of(arch, True)
    act = "None" if after is None else f'"{after}" if carried else None'
    return f"""\
        for {columns} in CELLS:
            blocks = []
            for text in links:
                carried = channels(text, width)
                convolutions = body(enter, width, stride{more})
                blocks.append(Block(convolutions, width, carried, {act}))
                enter, stride = width, 1
            self.cells.append(nn.Sequential(*blocks))
"""


def _end(arch: Architecture) -> str:
    unit, norm, channels = plans.features_of(arch)
    parts: dict[str, Any] = {}
    if unit is not None:
        parts["features"] = _unit(unit)
    if norm:
        parts["norm"] = call("nn.BatchNorm2d", [channels])
        parts["act"] = call("nn.ReLU", keywords={"inplace": True})
    parts["pool"] = call("nn.AdaptiveAvgPool2d", [1])
    parts["flatten"] = call("nn.Flatten", [1])
    parts["linear"] = call("nn.Linear", [channels, arch.num_classes])
    head = call("nn.Sequential", [call("OrderedDict", keywords=parts)])
    return statement("self.head", head, 8) + "        initialise(self)\n"


def of_cell_network(net: CellNetwork, about: Sequence[str]) -> Written:
    """Return the source code of a cell network's module."""
    source = Source()
    source.add(CELL_PARTS, ["EPS", "BlockCell"])
    source.add(PARTS, ["initialise"])
    big = net.is_imagenet
    size = f"images of {net.resolution} x {net.resolution}, {net.num_classes} classes"
    layout = list(net.layout())
    tables = [
        "# Of each block of a cell: what it reads (0 the older input, 1 the newer one, 2 what the\n"
        "# first block makes, ...), and the operators on both.\n"
        + statement("BLOCKS", group([group(block) for block in net.blocks])),
        "# Of each cell: channels of a block, and its stride.\n"
        + statement("CELLS", group([group(cell) for cell in layout])),
    ]
    factorised = literal(net.factorised)
    bare = "not self.cells" if big else "False"
    stem = call("nn.Conv2d", [3, net.stem_channels, 3], _stem_window(big))
    body = f"""\
    def __init__(self) -> None:
        super().__init__()
{statement("conv", stem, 8)}        norm = nn.BatchNorm2d({net.stem_channels}, EPS)
        self.stem = nn.Sequential(OrderedDict(conv=conv, norm=norm))
        self.cells = nn.ModuleList()
        older = newer = {net.stem_channels}
        halves = False  # whether the older input is twice as large as the newer one
        for filters, stride in CELLS:
            bare = {bare}{"  # it reads the stem as it is" if big else ""}
            cell = BlockCell(BLOCKS, older, newer, filters, stride, halves, {factorised}, bare)
            self.cells.append(cell)
            older, newer = newer, filters * len(BLOCKS)
            halves = stride == 2
        parts = OrderedDict(act=nn.ReLU(), pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(1))
        parts["linear"] = nn.Linear(newer, {net.num_classes})
        self.head = nn.Sequential(parts)
        initialise(self)

    def forward(self, x: Tensor) -> Tensor:
        \"\"\"Return logits of shape (batch, {net.num_classes}).\"\"\"
        older = newer = self.stem(x)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        return self.head(newer)
"""
    return Written(
        class_name(net.family, source.names),
        "nn.Module",
        [
            f"{net.family}: {len(layout)} cells of {len(net.blocks)} blocks; {size}.",
            counts(net.params, net.macs, "image"),
            *about,
            same_weights("CellNetwork"),
        ],
        ("from collections import OrderedDict", "from torch import Tensor"),
        source,
        tables,
        body,
    )


def _stem_window(big: bool) -> dict[str, Any]:
    return {"stride": 2, "bias": False} if big else {"padding": 1, "bias": False}
