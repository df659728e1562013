"""Network.from_torch: counts against torch's own, structure, and what is not known."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from twins import torch_models as models  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError  # noqa: E402
from flash.networks.architecture import FAMILIES, Architecture, Cell  # noqa: E402
from flash.networks.network import Network  # noqa: E402

pytestmark = pytest.mark.torch

SMALL = (3, 32, 32)
IMAGE = (4, 8, 8)


@pytest.mark.parametrize("name", models.PUBLISHED)
def test_imagenet_models(name: str) -> None:
    module = models.imagenet(name)
    net = Network.from_torch(module, (3, 224, 224))
    assert (net.params, net.macs) == models.counted(module, (3, 224, 224))
    assert net.params == models.PUBLISHED[name]
    assert Network.from_dict(net.to_dict()) == net


@pytest.mark.parametrize("name", models.CIFAR)
def test_cifar_models(name: str) -> None:
    module = models.cifar(name)
    net = Network.from_torch(module)
    assert (net.params, net.macs) == models.counted(module, SMALL)
    assert module.training
    kinds = [layer.kind for layer in net.layers]
    joins = {"resnet20": 9, "wide_resnet": 3, "densenet": 12, "mobilenet_v2": 10}
    assert kinds.count("concat" if name == "densenet" else "add") == joins[name]
    assert Network.from_torch(module) == net


def test_the_same_on_the_meta_device() -> None:
    module = models.cifar("mobilenet_v2")
    real = Network.from_torch(module)
    assert Network.from_torch(module.to("meta")) == real


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("resolution", [32, 96])
@pytest.mark.parametrize("skips", [0, 5, 40, 1000])
def test_what_to_torch_built_comes_back(family: str, resolution: int, skips: int) -> None:
    more = {"expansion": 3, "kernel": 5} if family == "mobilenet-v2" else {}
    cells = [Cell(16, 5, skips, **more), Cell(24, 4, skips, **more), Cell(24, 3, skips, **more)]
    arch = Architecture(family, cells, resolution, 7, 3)
    net = Network.from_torch(arch.to_torch(), (3, resolution, resolution))
    assert net == arch.network()
    assert flash.nn_degree(net) == flash.nn_degree(arch)
    assert flash.nn_mass(net) == pytest.approx(flash.nn_mass(arch), rel=1e-12)


def read(*parts: nn.Module, shape: tuple[int, int, int] = (4, 16, 16)) -> Network:
    module = nn.Sequential(*parts)
    net = Network.from_torch(module, shape)
    assert (net.params, net.macs) == models.counted(module, shape)
    with torch.no_grad():
        out = module.eval()(torch.zeros(1, *shape))
    last = net.layers[-1]
    assert last.out_channels * last.out_height * last.out_width == out.numel()
    return net


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 6, 3, 2, 1),
        nn.Conv2d(4, 8, (1, 7), padding=(0, 3), groups=2, bias=False),
        nn.Conv2d(4, 8, (7, 1), stride=(2, 1)),
        nn.Conv2d(4, 8, 3, padding=4, dilation=(4, 2)),
        nn.Conv2d(4, 4, 5, groups=4, padding="same", dilation=2),
        nn.Conv2d(4, 4, (2, 4), padding="same"),
        nn.Conv2d(4, 4, 3, padding="valid"),
        nn.Conv2d(4, 4, 16),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_convolutions(conv: nn.Conv2d) -> None:
    net = read(conv)
    with torch.no_grad():
        out = conv(torch.zeros(1, 4, 16, 16))
    layer = net.layers[0]
    assert (layer.out_channels, layer.out_height, layer.out_width) == tuple(out.shape[1:])
    assert layer.kernel_size == conv.kernel_size
    assert layer.strides == conv.stride
    assert layer.dilations == conv.dilation
    assert Network.from_dict(net.to_dict()) == net


@pytest.mark.parametrize(
    "pool",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d(3, 2, 1),
        nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.MaxPool2d((1, 3), (1, 2), dilation=2),
        nn.AvgPool2d(3, 2, 1),
        nn.AvgPool2d(5, 4, ceil_mode=True),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool2d((1, 1)),
        nn.AdaptiveAvgPool2d(4),
        nn.AdaptiveAvgPool2d((3, 5)),
        nn.AdaptiveMaxPool2d(1),
        nn.ZeroPad2d((1, 0, 2, 0)),
    ],
    ids=str,
)
def test_pools(pool: nn.Module) -> None:
    net = read(pool, nn.Conv2d(4, 5, 1))
    with torch.no_grad():
        out = pool(torch.zeros(1, 4, 16, 16))
    assert (net.layers[-1].out_height, net.layers[-1].out_width) == tuple(out.shape[2:])


def test_norms_and_activations_find_their_layer() -> None:
    net = read(
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU6(),
        nn.Dropout2d(),
        nn.Conv2d(8, 8, 3),
        nn.Hardswish(),
        nn.BatchNorm2d(8),
        nn.Flatten(),
        nn.Linear(8 * 144, 12),
        nn.BatchNorm1d(12),
        nn.ReLU(),
        nn.Linear(12, 3, bias=False),
        nn.Softmax(1),
    )
    rows = [(row.kind, row.norm, row.activation) for row in net.layers]
    assert rows == [
        ("conv", "both", "relu"),
        ("conv", False, "hardswish"),
        ("concat", "output", None),  # after an activation, before a flattened map: its own row
        ("linear", "output", "relu"),
        ("linear", False, "softmax"),
    ]


def test_activations_are_noted_by_name() -> None:
    gated = Odd(lambda m, x: x * x.sigmoid())
    parts = [
        nn.SiLU(),
        nn.GELU(),
        gated,
        nn.Hardtanh(-2, 2),
        nn.Tanh(),
        nn.ReLU6(),
        Odd(lambda m, x: -x),
    ]
    module = nn.Sequential(*[one for part in parts for one in (conv(), part)])
    net = Network.from_torch(module, IMAGE)
    noted = [(layer.activation, layer.mode) for layer in net.layers]
    assert noted[:6] == [
        (name, None) for name in ("silu", "gelu", "silu", "hardtanh", "tanh", "relu6")
    ]
    assert noted[6:] == [(None, None), (None, "neg")]
    assert Network.from_dict(net.to_dict()) == net


class Odd(nn.Module):
    """A module of one function."""

    def __init__(self, function: Any, **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


def conv(into: int = 4, out: int = 4, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(into, out, 3, padding=1, **more)


def test_a_norm_that_two_read_is_a_row_of_its_own() -> None:
    def forward(m: Any, x: Any) -> Any:
        y = torch.relu(m.bn(x))
        return m.a(y) + m.b(y)

    net = Network.from_torch(Odd(forward, bn=nn.BatchNorm2d(4), a=conv(), b=conv()), (4, 8, 8))
    assert [(row.kind, row.norm) for row in net.layers] == [
        ("concat", "output"),
        ("conv", False),
        ("conv", False),
        ("add", False),
    ]
    assert net.layers[3].inputs == (1, 2)


def test_split_concat_and_gate() -> None:
    def forward(m: Any, x: Any) -> Any:
        a, b = x.chunk(2, 1)
        y = torch.cat([a, m.a(b)], 1)
        y = y * torch.sigmoid(m.s(y.mean([2, 3], keepdim=True)))  # squeeze and excitation
        n, c, h, w = y.shape
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)  # channel shuffle
        return m.b(y[:, 1:3, ::2, ::2] if y.shape[2] < 4 else y[:, [0, 2]])

    module = Odd(forward, a=conv(2, 2), b=conv(2, 5), s=nn.Conv2d(4, 4, 1))
    net = Network.from_torch(module, (4, 8, 8))
    assert (net.params, net.macs) == models.counted(module, (4, 8, 8))
    assert [(row.kind, row.mode) for row in net.layers] == [
        ("concat", None),
        ("conv", None),
        ("concat", None),
        ("pool", "global_avg"),
        ("conv", None),
        ("mul", None),
        ("move", "permute"),
        ("concat", None),
        ("conv", None),
    ]
    assert net.layers[0].channels == net.layers[7].channels == 2
    assert (net.layers[2].inputs, net.layers[2].channels) == ((1, -1), 2)
    assert net.layers[5].inputs == (2, 4)


def test_flow_that_depends_on_values_is_followed_and_told() -> None:
    def forward(m: Any, x: Any) -> Any:
        return m.a(x) if x.sum() <= 0 else m.a(m.a(x))

    with pytest.warns(UserWarning, match="reads values of its input.*is_nonzero"):
        net = Network.from_torch(Odd(forward, a=conv(out=4)), (4, 80, 80))
    assert [row.kind for row in net.layers] == ["reduce", "elementwise", "conv"]


class Gained(nn.Conv2d):
    """A convolution whose weights have a gain each channel."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.gain = nn.Parameter(torch.ones(self.out_channels, 1, 1, 1))

    def forward(self, x: Any) -> Any:
        return nn.functional.conv2d(x, self.weight * self.gain, self.bias)


def reused() -> list[nn.Module]:
    one, norm = conv(), nn.BatchNorm2d(4)
    return [one, norm, one, norm, one, nn.BatchNorm2d(4)]


@pytest.mark.parametrize("shape", [(4, 8, 8), (4, 96, 96)], ids=["real", "meta"])
@pytest.mark.parametrize(
    "parts",
    [
        reused(),
        [Gained(4, 64, 3)],
        [nn.utils.parametrizations.weight_norm(conv()), conv()],
        [nn.utils.parametrizations.spectral_norm(conv()), nn.BatchNorm2d(4, affine=False)],
    ],
    ids=["reused", "gains", "weight norm", "spectral norm"],
)
def test_each_parameter_counts_once(parts: list[nn.Module], shape: tuple[int, int, int]) -> None:
    module = nn.Sequential(*parts)
    net = Network.from_torch(module, shape)
    assert net.params == sum(one.numel() for one in module.parameters())
    assert net.macs == models.counted(module, shape)[1]
    assert Network.from_dict(net.to_dict()) == net


def test_what_is_not_returned_costs_nothing_but_its_place() -> None:
    module = Odd(lambda m, x: (m.a(x), m.b(x))[0], a=conv(), b=nn.Conv2d(4, 9, 1))
    with pytest.warns(UserWarning, match=r"nothing it returns is made of.*: b\.weight"):
        net = Network.from_torch(module, IMAGE)
    assert (net.params, net.macs) == (148 + 45, 148 * 64 - 4 * 64)
    assert [layer.kind for layer in net.layers] == ["conv", "conv", "input"]
    assert (net.outputs, net.layers[2].params) == ((0, 2), 45)
    both = Network.from_torch(
        Odd(lambda m, x: {"a": m.a(x), "b": m.b(x)}, a=conv(), b=conv()), IMAGE
    )
    assert (both.outputs, both.params) == ((0, 1), 296)
    with pytest.raises(ArgumentError, match="must return what it makes of the image"):
        Network.from_torch(Odd(lambda m, x: m.a(x).shape[1], a=conv()), (4, 8, 8))


def test_weights_that_are_never_read_are_stored() -> None:
    module = Odd(lambda m, x: m.a(x), a=conv(), token=nn.LayerNorm(7))
    with pytest.warns(UserWarning, match=r"stores weights that it does not read.*token\.weight"):
        net = Network.from_torch(module, IMAGE)
    assert (net.params, net.layers[-1].kind, net.layers[-1].params) == (162, "input", 14)


def test_squeeze_and_excitation_is_a_product_of_two_values() -> None:
    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 2, 1), nn.Conv2d(2, 4, 1))
    module = Odd(lambda m, x: m.b(m.a(x) * m.g(m.a(x)).sigmoid()), a=conv(), g=gate, b=conv())
    net = Network.from_torch(module, (4, 8, 8))
    assert net.params == sum(one.numel() for one in module.parameters())
    assert net.outputs is None
    row = next(row for row in net.layers if row.kind == "mul")
    assert row.inputs == (0, 4)


def test_bad_input() -> None:
    with pytest.raises(ArgumentTypeError, match=r"module must be a torch\.nn\.Module or .*, got 3"):
        Network.from_torch(3)
    for shape in ((), (3, 0, 32), "image", (1,) * 7, (3, 2.5, 3)):
        with pytest.raises((ArgumentError, ArgumentTypeError), match="input_shape"):
            Network.from_torch(conv(), shape)
    for example in (3, {}, (), {"x": [1]}):
        with pytest.raises(ArgumentTypeError, match="example must be a tensor, or a tuple or dict"):
            Network.from_torch(conv(), example=example)
    with pytest.raises(ArgumentError, match="example must hold tensors with numbers in them"):
        Network.from_torch(conv(), example=torch.zeros(0, 4, 8, 8))
    with pytest.raises(ArgumentError, match=r"must have its weights, but 'weight' has none yet"):
        Network.from_torch(nn.LazyConv2d(4, 3))
    with pytest.raises(ArgumentError, match=r"must run on an image of 3 x 8 x 8, got Runtime"):
        Network.from_torch(nn.Sequential(conv()), (3, 8, 8))
    with pytest.raises(ArgumentError, match="must call functions of torch"):
        Network.from_torch(nn.Identity())


def test_a_module_is_left_as_it_was() -> None:
    module = models.cifar("wide_resnet")
    module.bn.eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    modes = [part.training for part in module.modules()]
    Network.from_torch(module)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


class Keeping(nn.Module):
    """Keeps what it makes, in places of every kind."""

    grid: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = [0]
        self.by_size: dict[int, Any] = {}
        self.helper: Any = type("Helper", (), {})()
        self.helper.grid = None
        self.register_buffer("calls", torch.zeros(2))

    def forward(self, x: Any) -> Any:
        if self.grid is None:
            self.grid = self.helper.grid = torch.zeros(1, device=x.device)
        self.kept.append(self.grid)
        self.by_size[x.shape[-1]] = self.grid
        self.calls += 1
        return nn.functional.relu(x)


@pytest.mark.parametrize("side", [8, 128])
def test_what_a_forward_keeps_is_as_it_was(side: int) -> None:
    module = nn.Sequential(nn.Conv2d(3, 8, 3), Keeping())
    keeping: Any = module[1]
    assert Network.from_torch(module, (3, side, side)).params == 224
    assert (keeping.grid, keeping.helper.grid) == (None, None)
    assert (keeping.kept, keeping.by_size, keeping.calls.tolist()) == ([0], {}, [0.0, 0.0])
    module(torch.zeros(1, 3, 8, 8))
    assert keeping.grid.device.type == "cpu"


def test_costs_of_imported_networks() -> None:
    net = Network.from_torch(models.cifar("mobilenet_v2"))
    for name in ("rram", "cpu-x86"):
        cost = flash.Target.load(name).cost(net)
        assert cost.latency_ms > 0
        assert len(cost.by_layer) == len(net)
        assert sum(layer.latency_ms for layer in cost.by_layer) == pytest.approx(cost.latency_ms)


def test_compiled_modules_are_unwrapped() -> None:
    module = models.cifar("resnet20")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = torch.compile(module)
    assert Network.from_torch(compiled) == Network.from_torch(module)
