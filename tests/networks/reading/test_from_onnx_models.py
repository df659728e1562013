"""Named models, small, as torch writes them to ONNX: counts as torch has them."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from flash.networks.reading.from_onnx.file import read_onnx  # noqa: E402

pytestmark = pytest.mark.torch

IMAGE = (3, 32, 32)


class Then(nn.Module):
    """A function of values between modules."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.function(x)


class Sum(nn.Module):
    """x and what a branch makes of it."""

    def __init__(self, branch: Any, gain: Any = None) -> None:
        super().__init__()
        self.branch = branch
        self.gain = None if gain is None else nn.Parameter(torch.rand(gain))

    def forward(self, x: Any) -> Any:
        made = self.branch(x)
        return x + (made if self.gain is None else made * self.gain)


class Cat(nn.Module):
    """What several branches make of x, side by side."""

    def __init__(self, *branches: Any) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Any) -> Any:
        return torch.cat([one(x) for one in self.branches], 1)


class Excite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, 4, 1)
        self.up = nn.Conv2d(4, channels, 1)

    def forward(self, x: Any) -> Any:
        return x * torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3), keepdim=True)))))


class Tokens(nn.Module):
    """Patches as tokens, with a token of a class and places."""

    def __init__(self, width: int, side: int = 8) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, side, side)
        self.first = nn.Parameter(torch.rand(1, 1, width))
        self.places = nn.Parameter(torch.rand(1, (32 // side) ** 2 + 1, width))

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        return torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.places


class Attend(nn.Module):
    def __init__(self, width: int, heads: int = 2, groups: int | None = None) -> None:
        super().__init__()
        self.heads, self.groups, self.each = heads, groups or heads, width // heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * self.groups * self.each, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        n, t, _ = x.shape
        q = self.q(x).view(n, t, self.heads, self.each).transpose(1, 2)
        k, v = self.kv(x).view(n, t, 2, self.groups, self.each).permute(2, 0, 3, 1, 4)
        if self.groups != self.heads:
            k = k.repeat_interleave(self.heads // self.groups, 1)
            v = v.repeat_interleave(self.heads // self.groups, 1)
        weights = (q @ k.transpose(-2, -1) / self.each**0.5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, t, -1))


class Rms(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(width))

    def forward(self, x: Any) -> Any:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.gain


class Gated(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 2 * width, bias=False)
        self.up = nn.Linear(width, 2 * width, bias=False)
        self.down = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Any) -> Any:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Window(nn.Module):
    """Attention within windows, by a table of relative places."""

    def __init__(self, width: int, side: int = 4) -> None:
        super().__init__()
        self.side = side
        self.qkv = nn.Linear(width, 3 * width)
        self.table = nn.Parameter(torch.rand(2, side * side, side * side))
        self.out = nn.Linear(width, width)

    def forward(self, x: Any) -> Any:
        n, h, w, c = x.shape
        s = self.side
        x = x.view(n, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)
        q, k, v = self.qkv(x).reshape(-1, s * s, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        x = (q @ k.transpose(-2, -1) * 0.3 + self.table).softmax(-1) @ v
        x = self.out(x.transpose(1, 2).reshape(-1, s * s, c))
        x = x.view(n, h // s, w // s, s, s, c).permute(0, 1, 3, 2, 4, 5)
        return x.reshape(n, h, w, c)


class First(nn.Module):
    """The first output of a module, such as a recurrent one."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Any) -> Any:
        return self.module(x)[0]


class Up(nn.Module):
    """One level of a U: down, a branch, up, and beside it what was there."""

    def __init__(self, width: int, inner: Any) -> None:
        super().__init__()
        self.down = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.inner = inner
        self.up = nn.ConvTranspose2d(2 * width, width, 2, 2)

    def forward(self, x: Any) -> Any:
        return torch.cat([x, self.up(self.inner(self.down(x)))], 1)


class Pyramid(nn.Module):
    """Maps of two sizes, and heads of shared weights on both."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1)
        self.second = nn.Conv2d(8, 8, 3, 2, 1)
        self.side = nn.Conv2d(8, 8, 1)
        self.head = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1), nn.GroupNorm(2, 8), nn.ReLU())

    def forward(self, x: Any) -> Any:
        a = F.relu(self.first(x))
        b = F.relu(self.second(a))
        a = self.side(a) + F.interpolate(b, size=a.shape[-2:], mode="bilinear")
        return self.head(a), self.head(b)


class Mix(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.tokens = nn.Sequential(nn.Linear(tokens, 12), nn.GELU(), nn.Linear(12, tokens))

    def forward(self, x: Any) -> Any:
        return x + self.tokens(self.norm(x).transpose(1, 2)).transpose(1, 2)


class Standard(nn.Conv2d):
    """A convolution of standardised weights."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.gain = nn.Parameter(torch.rand(self.out_channels, 1, 1, 1))

    def forward(self, x: Any) -> Any:
        w = self.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) * self.gain
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


def conv(into: int, out: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> Any:
    return nn.Sequential(
        nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )


def head(width: int) -> Any:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5))


def feed(width: int, act: Any = None) -> Any:
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, 32), act or nn.GELU(), nn.Linear(32, width)
    )


def models() -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Return modules with the shape of an image, or a number of tokens, that they read."""
    to_tokens = Then(lambda x: x.flatten(2).transpose(1, 2))
    last = Then(lambda x: x.permute(0, 2, 3, 1))
    first = Then(lambda x: x.permute(0, 3, 1, 2))
    swap = Then(lambda x: x.transpose(1, 2))
    shuffle = Then(
        lambda x: x.view(x.shape[0], 2, 4, 16, 16).transpose(1, 2).reshape(-1, 8, 16, 16)
    )
    block = nn.Sequential(Sum(nn.Sequential(nn.LayerNorm(16), Attend(16))), Sum(feed(16)))
    return {
        "alexnet": (
            nn.Sequential(
                nn.Conv2d(3, 8, 5, 2),
                nn.ReLU(),
                nn.MaxPool2d(3, 2),
                nn.LocalResponseNorm(5),
                nn.Flatten(),
                nn.Linear(288, 5),
            ),
            IMAGE,
        ),
        "vgg": (
            nn.Sequential(conv(3, 8), conv(8, 8), nn.MaxPool2d(2), conv(8, 16), head(16)),
            IMAGE,
        ),
        "resnet": (
            nn.Sequential(
                conv(3, 8, 3, 2),
                Sum(nn.Sequential(conv(8, 8), nn.Conv2d(8, 8, 3, 1, 1), nn.BatchNorm2d(8))),
                nn.ReLU(),
                head(8),
            ),
            IMAGE,
        ),
        "resnext": (nn.Sequential(conv(3, 8), Sum(conv(8, 8, 3, 1, 4)), head(8)), IMAGE),
        "densenet": (
            nn.Sequential(
                conv(3, 8),
                Cat(
                    nn.Identity(),
                    nn.Sequential(nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3, 1, 1)),
                ),
                nn.AvgPool2d(2),
                head(12),
            ),
            IMAGE,
        ),
        "squeezenet": (
            nn.Sequential(
                nn.Conv2d(3, 8, 3, 2),
                Cat(nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 3, padding=1)),
                nn.MaxPool2d(3, 2, ceil_mode=True),
                head(8),
            ),
            IMAGE,
        ),
        "inception": (
            nn.Sequential(
                conv(3, 8),
                Cat(
                    nn.Conv2d(8, 4, (1, 7), padding=(0, 3)),
                    nn.Conv2d(8, 4, (7, 1), padding=(3, 0)),
                    nn.AvgPool2d(3, 1, 1),
                ),
                head(16),
            ),
            IMAGE,
        ),
        "mobilenet_v1": (
            nn.Sequential(conv(3, 8, 3, 2), conv(8, 8, 3, 1, 8), conv(8, 16, 1), head(16)),
            IMAGE,
        ),
        "mobilenet_v2": (
            nn.Sequential(
                conv(3, 8, 3, 2),
                Sum(
                    nn.Sequential(
                        conv(8, 24, 1),
                        conv(24, 24, 3, 1, 24),
                        nn.Conv2d(24, 8, 1),
                        nn.BatchNorm2d(8),
                    )
                ),
                head(8),
            ),
            IMAGE,
        ),
        "mobilenet_v3": (
            nn.Sequential(conv(3, 8, 3, 2), nn.Hardswish(), Excite(8), head(8)),
            IMAGE,
        ),
        "efficientnet": (
            nn.Sequential(
                conv(3, 8, 3, 2),
                nn.SiLU(),
                Sum(nn.Sequential(conv(8, 8, 5, 1, 8), Excite(8))),
                head(8),
            ),
            IMAGE,
        ),
        "shufflenet": (
            nn.Sequential(conv(3, 8, 3, 2), shuffle, conv(8, 8, 1, 1, 2), head(8)),
            IMAGE,
        ),
        "convnext": (
            nn.Sequential(
                nn.Conv2d(3, 8, 4, 4),
                Sum(
                    nn.Sequential(nn.Conv2d(8, 8, 7, 1, 3, groups=8), last, feed(8), first),
                    (8, 1, 1),
                ),
                head(8),
            ),
            IMAGE,
        ),
        "nfnet": (
            nn.Sequential(Standard(3, 8, 3, 2, 1), nn.ReLU(), Standard(8, 8, 3, 1, 1), head(8)),
            IMAGE,
        ),
        "vit": (
            nn.Sequential(
                Tokens(16), block, nn.LayerNorm(16), Then(lambda x: x[:, 0]), nn.Linear(16, 5)
            ),
            IMAGE,
        ),
        "deit_with_gains": (
            nn.Sequential(
                Tokens(16), Sum(nn.Sequential(nn.LayerNorm(16), Attend(16)), 16), Sum(feed(16), 16)
            ),
            IMAGE,
        ),
        "swin": (
            nn.Sequential(
                nn.Conv2d(3, 8, 4, 4),
                last,
                Sum(nn.Sequential(nn.LayerNorm(8), Window(8))),
                Sum(feed(8)),
            ),
            IMAGE,
        ),
        "mixer": (nn.Sequential(nn.Conv2d(3, 8, 8, 8), to_tokens, Mix(16, 8), Sum(feed(8))), IMAGE),
        "poolformer": (
            nn.Sequential(
                nn.Conv2d(3, 8, 4, 4),
                Sum(nn.Sequential(nn.GroupNorm(1, 8), nn.AvgPool2d(3, 1, 1)), (8, 1, 1)),
                head(8),
            ),
            IMAGE,
        ),
        "unet": (
            nn.Sequential(
                nn.Conv2d(3, 4, 3, 1, 1), Up(4, nn.Conv2d(8, 8, 3, 1, 1)), nn.Conv2d(8, 2, 1)
            ),
            IMAGE,
        ),
        "deeplab": (
            nn.Sequential(
                conv(3, 8, 3, 4),
                Cat(nn.Conv2d(8, 4, 1), nn.Conv2d(8, 4, 3, 1, 2, dilation=2)),
                nn.Conv2d(8, 3, 1),
                nn.Upsample(scale_factor=4, mode="bilinear"),
            ),
            IMAGE,
        ),
        "feature_pyramid": (Pyramid(), IMAGE),
        "espcn": (
            nn.Sequential(
                nn.Conv2d(3, 8, 5, 1, 2), nn.Tanh(), nn.Conv2d(8, 12, 3, 1, 1), nn.PixelShuffle(2)
            ),
            IMAGE,
        ),
        "dcgan": (
            nn.Sequential(
                nn.Conv2d(3, 8, 4, 2, 1),
                nn.LeakyReLU(0.2),
                nn.ConvTranspose2d(8, 3, 4, 2, 1),
                nn.Tanh(),
            ),
            IMAGE,
        ),
        "style_transfer": (
            nn.Sequential(
                nn.ReflectionPad2d(1),
                nn.Conv2d(3, 8, 3),
                nn.InstanceNorm2d(8, affine=True),
                nn.PReLU(8),
                nn.Upsample(scale_factor=2),
                nn.Conv2d(8, 3, 1),
            ),
            IMAGE,
        ),
        "c3d": (
            nn.Sequential(
                nn.Conv3d(3, 4, 3, 1, 1),
                nn.BatchNorm3d(4),
                nn.ReLU(),
                nn.MaxPool3d(2),
                nn.Conv3d(4, 8, (3, 1, 1), padding=(1, 0, 0)),
                nn.AdaptiveAvgPool3d(1),
            ),
            (3, 4, 16, 16),
        ),
        "wavenet": (
            nn.Sequential(
                nn.Conv1d(3, 8, 3, padding=2, dilation=2),
                nn.ReLU(),
                Sum(nn.Conv1d(8, 8, 3, padding=1)),
                nn.AdaptiveAvgPool1d(1),
                nn.Flatten(),
                nn.Linear(8, 5),
            ),
            (3, 40),
        ),
        "bert": (
            nn.Sequential(
                nn.Embedding(50, 16), nn.LayerNorm(16), block, nn.Linear(16, 16), nn.Tanh()
            ),
            (9,),
        ),
        "gpt2": (
            nn.Sequential(
                nn.Embedding(50, 16),
                Sum(nn.Sequential(nn.LayerNorm(16), Attend(16))),
                Sum(feed(16, nn.GELU(approximate="tanh"))),
                nn.Linear(16, 50, bias=False),
            ),
            (9,),
        ),
        "llama": (
            nn.Sequential(
                nn.Embedding(50, 16),
                Sum(nn.Sequential(Rms(16), Attend(16, 4, 2))),
                Sum(nn.Sequential(Rms(16), Gated(16))),
                Rms(16),
                nn.Linear(16, 50),
            ),
            (9,),
        ),
        "whisper_encoder": (
            nn.Sequential(
                nn.Conv1d(8, 16, 3, padding=1),
                nn.GELU(),
                nn.Conv1d(16, 16, 3, 2, 1),
                nn.GELU(),
                swap,
                block,
            ),
            (8, 20),
        ),
        "linear_probe": (
            nn.Sequential(
                nn.Flatten(), nn.Linear(3072, 8), nn.ReLU(), nn.Linear(8, 5), nn.LogSoftmax(-1)
            ),
            IMAGE,
        ),
    }


NAMES = [
    "alexnet",
    "vgg",
    "resnet",
    "resnext",
    "densenet",
    "squeezenet",
    "inception",
    "mobilenet_v1",
    "mobilenet_v2",
    "mobilenet_v3",
    "efficientnet",
    "shufflenet",
    "convnext",
    "nfnet",
    "vit",
    "deit_with_gains",
    "swin",
    "mixer",
    "poolformer",
    "unet",
    "deeplab",
    "feature_pyramid",
    "espcn",
    "dcgan",
    "style_transfer",
    "c3d",
    "wavenet",
    "bert",
    "gpt2",
    "llama",
    "whisper_encoder",
    "linear_probe",
]


def scrambled(module: Any) -> Any:
    """Return a module no two of whose parameters are equal, as after training."""
    with torch.no_grad():
        for one in module.parameters():
            one.copy_(torch.rand(one.shape) + 0.1)
    return module.eval()


def written(module: Any, x: Any, opset: int, **more: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x,), buffer, dynamo=False, opset_version=opset, **more)
    return buffer.getvalue()


def counted(module: Any, x: Any) -> int:
    plain = sdpa_kernel(SDPBackend.MATH)  # the counter misses other kernels on processors
    with plain, FlopCounterMode(display=False) as counter, torch.no_grad():
        module(x)
    return int(counter.get_total_flops()) // 2


def given(shape: tuple[int, ...]) -> Any:
    return torch.randint(0, 50, (1, *shape)) if len(shape) == 1 else torch.rand(1, *shape)


@pytest.mark.parametrize("name", NAMES)
def test_named_model(name: str) -> None:
    module, shape = models()[name]
    x = given(shape)
    module = scrambled(module)
    params = sum(one.numel() for one in module.parameters())
    macs = counted(module, x)
    for opset in (13, 17):
        plain = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
        net = read_onnx(written(module, x, opset, **plain))  # batch norms stay what they are
        assert (net.params, net.macs) == (params, macs), opset
        assert read_onnx(written(module, x, opset)).macs == macs  # folded into convolutions


def test_fresh_weights_that_are_equal_are_not_shared() -> None:
    """Exporters store the ones and zeros of different norms once."""
    fresh = nn.Sequential(*[nn.LayerNorm(16) for _ in range(3)], nn.Linear(16, 16)).eval()
    params = sum(one.numel() for one in fresh.parameters())
    assert read_onnx(written(fresh, torch.rand(1, 6, 16), 17)).params == params
    shared = nn.LayerNorm(16)
    twice = nn.Sequential(shared, nn.Linear(16, 16), shared).eval()
    assert read_onnx(written(twice, torch.rand(1, 6, 16), 17)).params == 32 + 272


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_modules(kind: str) -> None:
    inner = getattr(nn, kind)(8, 6, num_layers=2, bidirectional=True, batch_first=True)
    module = scrambled(First(inner))
    net = read_onnx(written(module, torch.rand(1, 10, 8), 17))
    assert net.params == sum(one.numel() for one in module.parameters())
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    assert net.macs == 10 * 2 * gates * 6 * (8 + 6 + 12 + 6)
    assert [row.kind for row in net.layers].count("recurrent") == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vit", "llama", "feature_pyramid", "deeplab"])
def test_the_newer_exporter(name: str) -> None:
    pytest.importorskip("onnxscript")
    module, shape = models()[name]
    module = scrambled(module)
    x = given(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(module, (x,), dynamo=True, opset_version=18, verbose=False)
    net = read_onnx(program.model_proto)
    assert net.macs == counted(module, x)
    folded = 8 if name == "deeplab" else 0  # its batch norm: gain and shift become one bias
    assert net.params == sum(one.numel() for one in module.parameters()) - folded


@pytest.mark.slow
@pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x0_5", "mobilenet_v3_small"])
def test_torchvision(name: str) -> None:
    torchvision = pytest.importorskip("torchvision")
    module = torchvision.models.get_model(name, weights=None).eval()
    x = torch.rand(1, 3, 224, 224)
    plain = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    net = read_onnx(written(module, x, 17, **plain))
    assert net.params == sum(one.numel() for one in module.parameters())
    assert net.macs == counted(module, x)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenetv3_small_050", "vit_tiny_patch16_224", "convnext_atto"])
def test_timm(name: str) -> None:
    timm = pytest.importorskip("timm")
    module = timm.create_model(name, pretrained=False).eval()
    x = torch.rand(1, 3, 224, 224)
    plain = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    net = read_onnx(written(module, x, 17, **plain))
    assert net.params == sum(one.numel() for one in module.parameters())
    assert net.macs == counted(module, x)
