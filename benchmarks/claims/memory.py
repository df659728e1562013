"""Peak memory: what `Network.peak_memory_kib` says beside what onnxruntime takes.

Fifteen networks of many kinds, built here, are read by `Network.from_torch` and run as ONNX models
in onnxruntime, one thread, everything else as it comes, while a library that is loaded before all
others counts each byte that the process allocates and frees. Their peak is what one inference has
at most beyond what there was before it, with the image, which the caller holds. The arena is off,
for it asks the system for powers of two, and so is onnxruntime's habit of keeping a freed buffer
for a later value of its size; "kept" is the peak with that habit.

    python -m benchmarks.claims.memory [--json out.json]

needs torch, onnx, onnxruntime, and a C compiler on a system with glibc.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import io
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import flash
from benchmarks.common.files import ROOT, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["NETWORKS", "main"]

GOAL = 0.10
PRELOADED = "FLASH_COUNTED"
COUNTER = r"""
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stddef.h>
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);
static _Atomic long live, peak;
static void *grown(void *p)
{
    if (p) {
        long more = (long)malloc_usable_size(p), now = atomic_fetch_add(&live, more) + more;
        long most = atomic_load(&peak);
        while (now > most && !atomic_compare_exchange_weak(&peak, &most, now)) {}
    }
    return p;
}
static void shrunk(void *p) { if (p) atomic_fetch_sub(&live, (long)malloc_usable_size(p)); }
long counted_live(void) { return live; }
long counted_peak(void) { return peak; }
void counted_reset(void) { peak = live; }
void *malloc(size_t n) { return grown(__libc_malloc(n)); }
void *calloc(size_t a, size_t b) { return grown(__libc_calloc(a, b)); }
void free(void *p) { shrunk(p); __libc_free(p); }
void *realloc(void *old, size_t n)
{
    long before = old ? (long)malloc_usable_size(old) : 0;
    void *p = __libc_realloc(old, n);
    if (p || !n) atomic_fetch_sub(&live, before);
    return grown(p);
}
void *memalign(size_t a, size_t n) { return grown(__libc_memalign(a, n)); }
void *aligned_alloc(size_t a, size_t n) { return memalign(a, n); }
int posix_memalign(void **out, size_t a, size_t n)
{
    *out = memalign(a, n);
    return *out ? 0 : ENOMEM;
}
"""


def unit(into: int, out: int, kernel: int = 3, stride: int = 1, act: Any = nn.ReLU, **more: Any):  # type: ignore[no-untyped-def]
    """Return a convolution with its norm and activation."""
    conv = nn.Conv2d(into, out, kernel, stride, kernel // 2, bias=False, **more)
    return nn.Sequential(conv, nn.BatchNorm2d(out), act() if act else nn.Identity())


class Residual(nn.Module):
    """A body, and its input added to it."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None, act: bool = False):
        super().__init__()
        self.body, self.shortcut, self.act = body, shortcut or nn.Identity(), act

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x) + self.shortcut(x)
        return functional.relu(y) if self.act else y


class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int, inner: int):
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.up(functional.silu(self.down(y))))


class Branches(nn.Module):
    """Several bodies side by side, concatenated."""

    def __init__(self, *bodies: nn.Module):
        super().__init__()
        self.bodies = nn.ModuleList(bodies)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([body(x) for body in self.bodies], 1)


class Head(nn.Sequential):
    def __init__(self, channels: int):
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


class Dense(nn.Module):
    """A layer whose result is concatenated to what it reads."""

    def __init__(self, into: int, growth: int):
        super().__init__()
        self.body = nn.Sequential(
            *(nn.BatchNorm2d(into), nn.ReLU(), nn.Conv2d(into, 4 * growth, 1, bias=False)),
            *(nn.BatchNorm2d(4 * growth), nn.ReLU()),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


class UNet(nn.Module):
    def __init__(self, width: int = 16):
        super().__init__()
        self.down1, self.down2 = self.two(3, width), self.two(width, 2 * width)
        self.bottom = self.two(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 2, 2)
        self.left2, self.left1 = self.two(4 * width, 2 * width), self.two(2 * width, width)
        self.end = nn.Conv2d(width, 2, 1)

    @staticmethod
    def two(into: int, out: int) -> nn.Module:
        return nn.Sequential(unit(into, out), unit(out, out))

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(x)
        b = self.down2(functional.max_pool2d(a, 2))
        c = self.bottom(functional.max_pool2d(b, 2))
        b = self.left2(torch.cat([b, self.up2(c)], 1))
        return self.end(self.left1(torch.cat([a, self.up1(b)], 1)))


class Pyramid(nn.Module):
    """Maps of three sizes, each added to the next, enlarged."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.c1, self.c2, self.c3 = unit(3, 32, 3, 2), unit(32, 64, 3, 2), unit(64, 128, 3, 2)
        self.l1, self.l2, self.l3 = (nn.Conv2d(w, width, 1) for w in (32, 64, 128))
        self.s1, self.s2 = nn.Conv2d(width, 8, 3, padding=1), nn.Conv2d(width, 8, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a = self.c1(x)
        b = self.c2(a)
        c = self.l3(self.c3(b))
        b = self.l2(b) + functional.interpolate(c, scale_factor=2)
        a = self.l1(a) + functional.interpolate(b, scale_factor=2)
        return self.s1(a), self.s2(b)


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, dim = x.shape

        def split(y: Tensor) -> Tensor:
            return y.view(batch, tokens, self.heads, dim // self.heads).transpose(1, 2)

        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        weights = (q @ k.transpose(-1, -2) * (dim // self.heads) ** -0.5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


class Transformer(nn.Module):
    def __init__(self, dim: int = 192, heads: int = 3, depth: int = 2, patch: int = 16):
        super().__init__()
        self.patch = nn.Conv2d(3, dim, patch, patch)
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    Residual(nn.Sequential(nn.LayerNorm(dim), Attention(dim, heads))),
                    Residual(
                        nn.Sequential(
                            *(nn.LayerNorm(dim), nn.Linear(dim, 4 * dim), nn.GELU()),
                            nn.Linear(4 * dim, dim),
                        )
                    ),
                )
                for _ in range(depth)
            )
        )
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.blocks(x)).mean(1))


class ConvNext(nn.Module):
    """A depthwise convolution, then two linear layers of each position."""

    def __init__(self, dim: int):
        super().__init__()
        self.dw, self.norm = nn.Conv2d(dim, dim, 7, padding=3, groups=dim), nn.LayerNorm(dim)
        self.a, self.b = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(functional.gelu(self.a(self.norm(self.dw(x).permute(0, 2, 3, 1)))))
        return x + y.permute(0, 3, 1, 2)


def inverted(into: int, out: int, stride: int, act: Any, gated: bool = False) -> nn.Module:
    wide = 4 * into
    parts = [unit(into, wide, 1, act=act), unit(wide, wide, 3, stride, act=act, groups=wide)]
    parts += [Gate(wide, into // 2)] if gated else []
    body = nn.Sequential(*parts, unit(wide, out, 1, act=None))
    return Residual(body) if stride == 1 and into == out else body


def bottleneck(into: int, inner: int, stride: int = 1) -> nn.Module:
    out = 4 * inner
    body = nn.Sequential(
        unit(into, inner, 1), unit(inner, inner, 3, stride), unit(inner, out, 1, act=None)
    )
    same = stride == 1 and into == out
    return Residual(body, None if same else unit(into, out, 1, stride, act=None), act=True)


def chain(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(*parts)


def _architecture(family: str, resolution: int, *cells: tuple[int, ...]) -> Callable[[], Any]:
    return lambda: flash.Architecture(family, [flash.Cell(*one) for one in cells], resolution)


NETWORKS: dict[str, tuple[Callable[[], Any], tuple[int, int, int]]] = {
    "resnet, 64": (_architecture("resnet", 64, (32, 3, 32), (64, 3, 64)), (3, 64, 64)),
    "wide-resnet, 64": (_architecture("wide-resnet", 64, (32, 3, 32), (64, 3, 64)), (3, 64, 64)),
    "mobilenet-v2, 160": (
        _architecture("mobilenet-v2", 160, (16, 1, 0, 1), (24, 2, 24, 6), (32, 3, 32, 6)),
        (3, 160, 160),
    ),
    "vgg": (
        lambda: chain(
            *(unit(3, 32), unit(32, 32), nn.MaxPool2d(2), unit(32, 64), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(64 * 28 * 28, 64), nn.ReLU(), nn.Linear(64, 10)),
        ),
        (3, 112, 112),
    ),
    "bottlenecks": (
        lambda: chain(
            *(unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1), bottleneck(64, 64), bottleneck(256, 64)),
            *(bottleneck(256, 128, 2), bottleneck(512, 128), Head(512)),
        ),
        (3, 224, 224),
    ),
    "gated inverted blocks": (
        lambda: chain(
            *(unit(3, 16, 3, 2, nn.SiLU), inverted(16, 24, 2, nn.SiLU, gated=True)),
            *(inverted(24, 24, 1, nn.SiLU, gated=True), inverted(24, 40, 2, nn.SiLU, gated=True)),
            *(unit(40, 160, 1, act=nn.SiLU), Head(160)),
        ),
        (3, 160, 160),
    ),
    "hard-swish blocks": (
        lambda: chain(
            *(unit(3, 16, 3, 2, nn.Hardswish), inverted(16, 24, 2, nn.Hardswish)),
            *(inverted(24, 24, 1, nn.Hardswish), Head(24)),
        ),
        (3, 128, 128),
    ),
    "dense layers": (
        lambda: chain(
            *(unit(3, 32, 3, 2), *(Dense(32 + 16 * n, 16) for n in range(5))),
            *(nn.BatchNorm2d(112), nn.ReLU(), nn.Conv2d(112, 56, 1), nn.AvgPool2d(2)),
            *(*(Dense(56 + 16 * n, 16) for n in range(4)), Head(120)),
        ),
        (3, 96, 96),
    ),
    "branches": (
        lambda: chain(
            unit(3, 32, 3, 2),
            Branches(
                *(unit(32, 32, 1), chain(unit(32, 24, 1), unit(24, 48))),
                chain(nn.MaxPool2d(3, 1, 1), unit(32, 16, 1)),
            ),
            nn.MaxPool2d(2),
            Branches(unit(96, 64, 1), chain(unit(96, 32, 1), unit(32, 64, 5))),
            Head(128),
        ),
        (3, 128, 128),
    ),
    "fire modules": (
        lambda: chain(
            *(nn.Conv2d(3, 64, 3, 2), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)),
            *(unit(64, 16, 1), Branches(unit(16, 64, 1), unit(16, 64))),
            *(unit(128, 16, 1), Branches(unit(16, 64, 1), unit(16, 64)), Head(128)),
        ),
        (3, 160, 160),
    ),
    "u-net": (UNet, (3, 96, 96)),
    "pyramid": (Pyramid, (3, 128, 128)),
    "transformer": (Transformer, (3, 224, 224)),
    "transformer, many tokens": (lambda: Transformer(64, 4, 2, 8), (3, 192, 192)),
    "convnext": (
        lambda: chain(nn.Conv2d(3, 48, 4, 4), ConvNext(48), ConvNext(48), Head(48)),
        (3, 160, 160),
    ),
}


def counted(library: Any, run: Callable[[], object]) -> int:
    """Return the most bytes that a call has at once beyond those before it."""
    run()
    run()
    gc.collect()
    before = library.counted_live()
    library.counted_reset()
    run()
    return int(library.counted_peak() - before)


def measured(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a line for each network; the counter is loaded."""
    import onnxruntime

    library = ctypes.CDLL(None)
    for name in ("counted_live", "counted_peak"):
        getattr(library, name).restype = ctypes.c_long
    lines = []
    for name in names:
        make, shape = NETWORKS[name]
        made = make()
        is_architecture = isinstance(made, flash.Architecture)
        module = (made.to_torch() if is_architecture else made).eval()
        x = torch.zeros(1, *shape)
        written = io.BytesIO()
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(module, (x,), written, dynamo=False, opset_version=17)
            net = made.network() if is_architecture else flash.Network.from_torch(module, shape)
        line: dict[str, Any] = {"network": name, "schedule_kib": net.peak_memory_kib}
        for key, kept in (("onnxruntime_kib", False), ("kept_kib", True)):
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.enable_cpu_mem_arena = options.enable_mem_pattern = False
            options.enable_mem_reuse = kept
            options.log_severity_level = 3
            session = onnxruntime.InferenceSession(
                written.getvalue(), options, providers=["CPUExecutionProvider"]
            )
            given = {session.get_inputs()[0].name: x.numpy()}

            def run(session: Any = session, given: Any = given) -> object:
                return session.run(None, given)

            line[key] = (counted(library, run) + x.numel() * 4) / 1024
            del session
        lines.append(line)
    return lines


def shown(lines: list[dict[str, Any]]) -> str:
    """Return the table as text."""
    text = [f"{'network':26}{'schedule':>10}{'measured':>10}{'off by':>9}{'kept':>10}  KiB"]
    worst = 0.0
    for one in lines:
        off = one["schedule_kib"] / one["onnxruntime_kib"] - 1
        worst = max(worst, abs(off))
        text.append(
            f"{one['network']:26}{one['schedule_kib']:10.0f}{one['onnxruntime_kib']:10.0f}"
            f"{off:+9.1%}{one['kept_kib']:10.0f}"
        )
    within = sum(abs(one["schedule_kib"] / one["onnxruntime_kib"] - 1) <= GOAL for one in lines)
    text.append(f"{within} of {len(lines)} within {GOAL:.0%}; the farthest {worst:.1%} off")
    return "\n".join(text)


def main() -> int:
    """Measure in a process of its own that counts, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    args = parser.parse_args()
    if PRELOADED in os.environ:
        torch.set_num_threads(1)
        print(json.dumps(measured(args.only)))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "count.c"), Path(folder, "count.so")
        source.write_text(COUNTER)
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.claims.memory", "--only", *args.only],
            env={**os.environ, "LD_PRELOAD": str(library), PRELOADED: "1"},
            cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
    lines = json.loads(done.stdout.splitlines()[-1])
    print(shown(lines))
    if args.json is not None:
        write_json(args.json, lines)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
