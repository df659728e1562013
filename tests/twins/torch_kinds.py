"""Small torch modules of many kinds, each with what it is called with."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAP, TOKENS, IDS = (4, 8, 8), (7, 8), (7,)


class Odd(nn.Module):
    """A module of one function."""

    def __init__(self, function: Any, **parts: Any) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(self, *args, **kwargs)


def conv(into: int = 4, out: int = 4, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(into, out, 3, padding=1, **more)


def weights(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.ones(shape))


def counted(module: nn.Module, *args: Any, **kwargs: Any) -> tuple[int, int]:
    """Return parameters, and products as torch counts them with all fused paths off."""
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    mha = torch.backends.mha
    fast = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    training = module.training
    try:
        torch._C._set_mkldnn_enabled(False)  # its LSTMs are not counted
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
            module.eval()(*args, **kwargs)
    finally:
        torch._C._set_mkldnn_enabled(True)
        mha.set_fastpath_enabled(fast)
        module.train(training)
    return sum(one.numel() for one in module.parameters()), counter.get_total_flops() // 2


def _in_place(m: Any, x: Tensor) -> Tensor:
    y = m.a(x)
    y[:, 1:3] = m.b(x)[:, :2]
    y[:, 0] += m.p
    return y.data.relu_()


def _filled(m: Any, x: Tensor) -> Tensor:
    out = torch.zeros(1, 8, 8, 8, device=x.device)
    out[:, :4] = m.a(x)
    out[:, 4:].copy_(m.b(x))
    return out * 2


def _out(m: Any, x: Tensor) -> Tensor:
    a = m.a(x)
    return torch.add(a, m.b(x), out=torch.empty_like(a))


def _put(m: Any, x: Tensor) -> Tensor:
    y = m.a(x).clone()
    y[torch.tensor([0]), torch.tensor([1])] = m.b(x)[0, 0]
    return y


def _aliases(m: Any, x: Tensor) -> Tensor:
    out = torch.zeros(1, 4, 8, 8)
    view = out[:, :2]
    out.copy_(m.a(x))
    view.add_(m.b(x)[:, :2])
    flat = out.view(-1)
    flat[0] = 1
    return flat.view(4, 64)


def _swapped(m: Any, x: Tensor) -> Tensor:
    y = m.a(x)
    z = torch.empty(1, device=x.device)
    z.data = m.b(y).data
    return z


def _standardised(m: Any, x: Tensor) -> Tensor:
    w = m.a.weight
    w = (w - w.mean((1, 2, 3), keepdim=True)) / w.std((1, 2, 3), keepdim=True)
    return F.conv2d(x, w, m.a.bias, padding=1)


def _merged(m: Any, x: Tensor) -> Tensor:
    """Branches joined into one convolution, as in reparametrisation."""
    return F.conv2d(x, m.a.weight + F.pad(m.b.weight, [1, 1, 1, 1]), m.a.bias, padding=1)


def _class_token(m: Any, x: Tensor) -> Tensor:
    t = m.a(x).flatten(2).transpose(1, 2)
    t = torch.cat([m.p.expand(t.shape[0], -1, -1), t], 1)
    return m.l(t)[:, 0]


def _heads(x: Tensor, heads: int) -> Tensor:
    return x.view(*x.shape[:2], heads, -1).transpose(1, 2)


def _attention(m: Any, x: Tensor) -> Tensor:
    q, k, v = (_heads(one, 2) for one in m.q(x).chunk(3, -1))
    weight = (q @ k.transpose(-2, -1) * 4**-0.5 + m.p).softmax(-1)
    return m.o((weight @ v).transpose(1, 2).reshape(x.shape))


def _fused_attention(m: Any, x: Tensor) -> Tensor:
    q, k, v = (_heads(one, 2) for one in m.q(x).chunk(3, -1))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=m.p).transpose(1, 2).flatten(2)


def _grouped_queries(m: Any, x: Tensor) -> Tensor:
    k, v = (_heads(one, 2) for one in m.l(x).chunk(2, -1))
    return F.scaled_dot_product_attention(_heads(x, 4), k, v, is_causal=True, enable_gqa=True)


def _rotated(m: Any, x: Tensor) -> Tensor:
    turned = torch.view_as_complex(m.l(x).view(1, 7, 4, 2))
    return torch.view_as_real(turned * torch.polar(torch.ones(7, 4), torch.ones(7, 4))).flatten(2)


def _sums(m: Any, x: Tensor) -> Any:
    y = m.a(x)
    return (
        y.topk(2, 1)[0], x.sort(1)[1], y.cumsum(1), y.argmax(1), y.max(1)[0], x.max(),
        x.std((2, 3)), torch.var_mean(y, 1), y.norm(), y.logsumexp(1),
    )  # fmt: skip


def _resized(m: Any, x: Tensor) -> Any:
    modes = ("nearest", "bilinear", "bicubic", "area", "nearest-exact")
    return [F.interpolate(m.a(x), scale_factor=s, mode=k) for k in modes for s in (2, 0.5)]


KINDS: dict[str, tuple[Any, Any]] = {
    # writes, views and aliases
    "written in place": (lambda: Odd(_in_place, a=conv(), b=conv(), p=weights(8, 8)), MAP),
    "filled": (lambda: Odd(_filled, a=conv(), b=conv()), MAP),
    "out=": (lambda: Odd(_out, a=conv(), b=conv()), MAP),
    "put": (lambda: Odd(_put, a=conv(), b=conv()), MAP),
    "aliases": (lambda: Odd(_aliases, a=conv(), b=conv()), MAP),
    "swapped data": (lambda: Odd(_swapped, a=conv(), b=conv()), MAP),
    "no channels": (
        lambda: Odd(lambda m, x: torch.cat(m.a(x).split([0, 2, 2], 1), 1), a=conv()),
        MAP,
    ),
    "listed channels": (lambda: Odd(lambda m, x: m.a(x)[:, [0, 2]], a=conv()), MAP),
    "masked channels": (
        lambda: Odd(
            lambda m, x: m.b(m.a(x)[:, torch.tensor([True, False, True, True])]),
            a=conv(),
            b=conv(3),
        ),
        MAP,
    ),
    "strided": (lambda: Odd(lambda m, x: torch.as_strided(m.a(x), (2, 3), (3, 1)), a=conv()), MAP),
    "turned in place": (
        lambda: Odd(lambda m, x: m.a(x).squeeze_(0).unsqueeze_(0).transpose_(1, 2), a=conv()),
        MAP,
    ),
    # weights
    "standardised": (lambda: Odd(_standardised, a=conv()), MAP),
    "merged branches": (lambda: Odd(_merged, a=conv(), b=nn.Conv2d(4, 4, 1, bias=False)), MAP),
    "normed weights": (
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)), nn.utils.weight_norm(conv(1))
        ),
        (1, 8, 8),
    ),
    "tied": (
        lambda: Odd(lambda m, x: F.linear(m.e(x), m.e.weight), e=nn.Embedding(50, 8)),
        IDS,
    ),
    "scaled": (
        lambda: Odd(lambda m, x: m.a(x) * m.p + m.q, a=conv(), p=weights(4, 1, 1), q=weights(8)),
        MAP,
    ),
    "class token": (
        lambda: Odd(_class_token, a=conv(), p=weights(1, 1, 4), l=nn.Linear(4, 3)),
        MAP,
    ),
    "handed out": (lambda: Odd(lambda m, x: (m.a(x), m.p.exp()), a=conv(), p=weights(1)), MAP),
    "chosen": (
        lambda: Odd(lambda m, x: torch.where(x > 0, m.a(x), m.p), a=conv(), p=weights(8, 8)),
        MAP,
    ),
    # products
    "convolutions of one axis": (
        lambda: nn.Sequential(
            nn.Conv1d(4, 6, 3, groups=2),
            nn.BatchNorm1d(6),
            nn.MaxPool1d(2),
            nn.AdaptiveAvgPool1d(3),
            nn.Conv1d(6, 2, 3, padding="same"),
        ),
        (4, 19),
    ),
    "convolutions of three axes": (
        lambda: nn.Sequential(
            nn.Conv3d(4, 6, 3, padding=1),
            nn.BatchNorm3d(6),
            nn.MaxPool3d(2, ceil_mode=True),
            nn.AvgPool3d(2),
            nn.AdaptiveAvgPool3d(1),
        ),
        (4, 5, 9, 8),
    ),
    "videos in a batch": (
        lambda: Odd(lambda m, x: m.a(x.view(2, 2, 3, 8, 8)), a=nn.Conv3d(2, 4, 3)),
        (4, 3, 8, 8),
    ),
    "images in a batch": (lambda: Odd(lambda m, x: m.a(x.view(2, 2, 8, 8)), a=conv(2, 3)), MAP),
    "no batch": (lambda: Odd(lambda m, x: m.a(x[0]), a=conv()), MAP),
    "transposed": (
        lambda: nn.Sequential(
            nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2),
            nn.ConvTranspose2d(6, 2, 2, 2),
        ),
        MAP,
    ),
    "transposed of one axis": (lambda: nn.ConvTranspose1d(4, 6, 3, 2), (4, 9)),
    "transposed of three axes": (lambda: nn.ConvTranspose3d(4, 6, 3, 2), (4, 5, 6, 7)),
    "weights of the image": (
        lambda: Odd(
            lambda m, x: F.conv2d(x, m.l(x.mean((2, 3))).view(4, 4, 1, 1)), l=nn.Linear(4, 16)
        ),
        MAP,
    ),
    "a linear layer of the image": (
        lambda: Odd(
            lambda m, x: F.linear(x.flatten(1), m.l(x.mean((2, 3))).view(3, 256)),
            l=nn.Linear(4, 768),
        ),
        MAP,
    ),
    "weights on the left": (
        lambda: Odd(lambda m, x: (m.p @ x).flatten(2) @ m.q, p=weights(5, 8), q=weights(40, 3)),
        MAP,
    ),
    "weights of each head": (lambda: Odd(lambda m, x: m.p @ x, p=weights(4, 5, 8)), MAP),
    "a batch of products": (
        lambda: Odd(
            lambda m, x: torch.baddbmm(m.p, x.view(4, 8, 8), m.q),
            p=weights(4, 8, 8),
            q=weights(4, 8, 8),
        ),
        MAP,
    ),
    "einsum": (
        lambda: Odd(
            lambda m, x: torch.einsum("bcn,bdn->bcd", x.flatten(2), m.a(x).flatten(2)), a=conv()
        ),
        MAP,
    ),
    "bilinear": (lambda: Odd(lambda m, x: m.b(x, x), b=nn.Bilinear(8, 8, 4)), TOKENS),
    # tokens
    "attention": (
        lambda: Odd(_attention, q=nn.Linear(8, 24), o=nn.Linear(8, 8), p=weights(2, 7, 7)),
        TOKENS,
    ),
    "fused attention": (lambda: Odd(_fused_attention, q=nn.Linear(8, 24), p=weights(7, 7)), TOKENS),
    "grouped queries": (lambda: Odd(_grouped_queries, l=nn.Linear(8, 8)), TOKENS),
    "latent queries": (
        lambda: Odd(
            lambda m, x: F.scaled_dot_product_attention(m.p, m.l(x), x),
            p=weights(1, 3, 8),
            l=nn.Linear(8, 8),
        ),
        TOKENS,
    ),
    "torch's attention": (
        lambda: Odd(lambda m, x: m.r(x, x, x), r=nn.MultiheadAttention(8, 2, batch_first=True)),
        TOKENS,
    ),
    "torch's encoder": (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, enable_nested_tensor=False
        ),
        TOKENS,
    ),
    "torch's transformer": (
        lambda: Odd(lambda m, x: m.r(x, x), r=nn.Transformer(8, 2, 1, 1, 16, batch_first=True)),
        TOKENS,
    ),
    "rotated": (lambda: Odd(_rotated, l=nn.Linear(8, 8)), TOKENS),
    "mixer": (
        lambda: Odd(
            lambda m, x: m.b(m.n(x) + m.a(x.transpose(1, 2)).transpose(1, 2)),
            a=nn.Linear(7, 7),
            b=nn.Linear(8, 8),
            n=nn.LayerNorm(8),
        ),
        TOKENS,
    ),
    "embedding": (
        lambda: nn.Sequential(nn.Embedding(50, 8, max_norm=1.0), nn.LayerNorm(8), nn.Linear(8, 3)),
        IDS,
    ),
    "embedding bag": (lambda: nn.EmbeddingBag(50, 8), IDS),
    "lstm": (
        lambda: Odd(
            lambda m, x: m.r(x)[0], r=nn.LSTM(8, 5, 2, bidirectional=True, batch_first=True)
        ),
        TOKENS,
    ),
    "gru": (lambda: Odd(lambda m, x: m.r(x)[1], r=nn.GRU(8, 5, bias=False)), TOKENS),
    "rnn": (lambda: Odd(lambda m, x: m.r(x)[0], r=nn.RNN(8, 5, nonlinearity="relu")), TOKENS),
    # functions of each number
    "norms": (
        lambda: nn.Sequential(
            nn.GroupNorm(2, 4),
            nn.InstanceNorm2d(4, affine=True),
            nn.LayerNorm([8, 8]),
            nn.RMSNorm(8),
            nn.LocalResponseNorm(2),
            nn.BatchNorm2d(4, affine=False),
        ),
        MAP,
    ),
    "activations": (
        lambda: nn.Sequential(
            *(nn.PReLU(4), nn.GELU(), nn.Mish(), nn.Softplus(), nn.Softsign(), nn.LogSigmoid()),
            *(nn.RReLU(), nn.Hardshrink(), nn.Tanhshrink(), nn.Threshold(0.1, 0), nn.CELU()),
            *(nn.GLU(1), nn.Softmin(1), nn.LogSoftmax(1), nn.Softmax2d()),
        ),
        MAP,
    ),
    "bounds": (
        lambda: Odd(
            lambda m, x: m.a(x).clamp(0, 6).clamp_(min=0).clamp(m.p), a=conv(), p=weights(1)
        ),
        MAP,
    ),
    "half": (lambda: Odd(lambda m, x: m.b(m.a(x).half().float()), a=conv(), b=conv()), MAP),
    # windows, sums and moves
    "pools": (
        lambda: nn.Sequential(
            nn.LPPool2d(2, 2), nn.FractionalMaxPool2d(2, output_size=3), nn.AdaptiveMaxPool2d(2)
        ),
        MAP,
    ),
    "unpooled": (
        lambda: Odd(
            lambda m, x: F.max_unpool2d(*F.max_pool2d(m.a(x), 2, return_indices=True), 2), a=conv()
        ),
        MAP,
    ),
    "sums": (lambda: Odd(_sums, a=conv()), MAP),
    "resized": (lambda: Odd(_resized, a=conv()), MAP),
    "paddings": (
        lambda: nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.ReplicationPad2d(1), nn.ZeroPad2d((1, 2, 0, 1))),
            *(nn.ConstantPad2d(-1, 0), nn.CircularPad2d(1), nn.ConstantPad2d(1, 3.0), conv()),
        ),
        MAP,
    ),
    "shuffled": (
        lambda: nn.Sequential(
            *(nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ChannelShuffle(2)),
            *(nn.Unfold(2), nn.Fold((8, 8), 2), conv()),
        ),
        MAP,
    ),
    "sampled": (
        lambda: Odd(
            lambda m, x: F.grid_sample(
                m.a(x),
                F.affine_grid(m.l(x.flatten(1)).view(1, 2, 3), [1, 4, 8, 8], align_corners=False),
                align_corners=False,
            ),
            a=conv(),
            l=nn.Linear(256, 6),
        ),
        MAP,
    ),
    "gathered": (
        lambda: Odd(
            lambda m, x: m.a(x).gather(1, x.argmax(1, keepdim=True)) + m.p[x.argmax(1)],
            a=conv(),
            p=weights(4),
        ),
        MAP,
    ),
    "rolled": (
        lambda: Odd(
            lambda m, x: m.a(x).roll(1, 2).flip(2).repeat(1, 2, 1, 1).repeat_interleave(2, 1),
            a=conv(),
        ),
        MAP,
    ),
    "frequencies": (
        lambda: Odd(
            lambda m, x: torch.fft.ifft2(torch.fft.fft2(m.a(x)) * m.p).real,
            a=conv(),
            p=weights(4, 8, 8),
        ),
        MAP,
    ),
    # ways of calling
    "vmap": (
        lambda: Odd(lambda m, x: torch.vmap(lambda t: m.l(t))(m.a(x)), a=conv(), l=nn.Linear(8, 5)),
        MAP,
    ),
    "functional call": (
        lambda: Odd(
            lambda m, x: torch.func.functional_call(m.a, {"weight": m.p * 2}, (x,)),
            a=nn.Conv2d(4, 4, 1, bias=False),
            p=weights(4, 4, 1, 1),
        ),
        MAP,
    ),
    "checkpoint": (
        lambda: Odd(
            lambda m, x: torch.utils.checkpoint.checkpoint(m.a, x, use_reentrant=False), a=conv()
        ),
        MAP,
    ),
    "random": (lambda: Odd(lambda m, x: m.a(x) + torch.randn(4, 1, 1), a=conv()), MAP),
}
