"""Network.from_torch on operators of every kind: counts against torch's own, and the rows."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from twins.torch_kinds import IDS, KINDS, MAP, TOKENS, Odd, conv, counted, weights  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, UnknownOperatorsError  # noqa: E402
from flash.networks.network import Network  # noqa: E402
from flash.networks.reading.from_torch import functions, products  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def example(shape: tuple[int, ...]) -> Any:
    return torch.zeros(1, *shape, dtype=torch.int64 if len(shape) == 1 else None)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore:module Odd stores weights")
def test_counts_are_torchs(name: str) -> None:
    make, shape = KINDS[name]
    torch.manual_seed(1)
    module = make()
    random = torch.get_rng_state()
    before = {key: one.clone() for key, one in module.state_dict().items()}
    net = Network.from_torch(module, shape)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(one, before[key]) for key, one in module.state_dict().items())
    assert (net.params, net.macs) == counted(module, example(shape))
    assert Network.from_dict(net.to_dict()) == net
    assert Network.from_torch(module.to("meta"), shape) == net


def kinds(module: nn.Module, shape: tuple[int, ...] = MAP) -> list[str]:
    net = Network.from_torch(module, shape)
    return [f"{row.kind} {row.mode}" if row.mode else row.kind for row in net.layers]


def test_rows_of_attention() -> None:
    net = Network.from_torch(KINDS["fused attention"][0](), TOKENS)
    found = [row for row in net.layers if row.kind == "matmul"]
    assert [(row.groups, row.height, row.in_channels, row.out_channels) for row in found] == [
        (2, 7, 8, 14),
        (2, 7, 14, 8),
    ]
    assert [row.activation for row in net.layers if row.kind == "act"] == ["softmax"]
    assert [row.extra_params for row in net.layers if row.kind == "scale"] == [49]
    written_out = Network.from_torch(KINDS["attention"][0](), TOKENS)
    assert [row.macs for row in written_out.layers if row.kind == "matmul"] == [
        row.macs for row in found
    ]


def test_rows_of_norms() -> None:
    found = kinds(KINDS["norms"][0]())
    modes = [name for name in found if name.startswith("norm ")]
    assert modes == ["norm group", "norm instance", "norm layer", "norm rms", "norm batch"]
    net = Network.from_torch(nn.Sequential(conv(), nn.LayerNorm(8)), MAP)
    assert net.layers[-1].params == 16


def test_rows_of_moves_and_resizes() -> None:
    assert kinds(KINDS["rolled"][0]()) == [
        *("conv", "move permute", "move permute", "move expand", "move expand"),
    ]
    modes = [name for name in kinds(KINDS["resized"][0]()) if name.startswith("resize")]
    assert modes == [
        *["resize nearest"] * 2,
        *["resize linear"] * 2,
        *["resize cubic"] * 2,
        "resize area",
        *["resize nearest"] * 2,
    ]
    assert kinds(nn.Sequential(nn.ReflectionPad2d(1), conv())) == ["move pad", "conv"]
    assert kinds(nn.Sequential(nn.ZeroPad2d(1), conv())) == ["conv"]


def test_rows_of_recurrent_layers() -> None:
    net = Network.from_torch(KINDS["lstm"][0](), TOKENS)
    rows = [row for row in net.layers if row.kind == "recurrent"]
    assert [(row.mode, row.groups, row.in_channels, row.out_channels) for row in rows] == [
        ("lstm", 2, 8, 10),
        ("lstm", 2, 10, 10),
    ]
    assert {row.height for row in rows} == {7}


def test_an_embedding_looks_rows_up() -> None:
    net = Network.from_torch(KINDS["tied"][0](), IDS)
    assert [row.kind for row in net.layers] == ["embedding", "linear"]
    assert [row.params for row in net.layers] == [400, 0]  # stored once
    assert net.layers[0].bytes_read < 400 * 4


def test_a_product_with_a_vector_counts_though_torch_leaves_it_out() -> None:
    module = Odd(lambda m, x: (m.l(x) @ m.p, torch.mv(x[0], m.p)), l=nn.Linear(8, 8), p=weights(8))
    net = Network.from_torch(module, TOKENS)
    assert (net.params, net.macs) == (80, 7 * 64 + 2 * 7 * 8)


def test_bits_are_those_of_the_tensors() -> None:
    module = nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4)).to(torch.bfloat16)
    net = Network.from_torch(module, TOKENS)
    assert {(row.bits, row.weight_bits) for row in net.layers} == {(16, 16)}


# Ways of calling


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 4), nn.Embedding(20, 4)

    def forward(self, x: Any, ids: Any = None, scale: float = 1.0) -> Any:
        y = self.a(x)
        return {"y": y * scale, "more": None if ids is None else [y + self.b(ids)]}


@pytest.mark.filterwarnings("ignore:module Pair stores weights")
def test_several_inputs() -> None:
    x, ids = torch.zeros(1, 7, 8), torch.zeros(1, 7, dtype=torch.int64)
    for given in ((x, ids), {"x": x, "ids": ids}, {"ids": ids, "x": x, "scale": 2.0}):
        net = Network.from_torch(Pair(), example=given)
        assert (net.params, net.macs) == (36 + 80, 224)
        assert [row.kind for row in net.layers].count("input") == 1
    with pytest.warns(UserWarning, match=r"does not read, in a row of their own: b\.weight"):
        assert Network.from_torch(Pair(), example=x).params == 116
    with pytest.raises(ArgumentError, match=r"other inputs are given .* example="):
        Network.from_torch(Pair(), (3, 9))


@dataclasses.dataclass
class Result:
    first: Any
    others: Any = None


@dataclasses.dataclass(slots=True)
class Slotted:
    first: Any
    others: Any = None


@pytest.mark.parametrize(
    "kind", [Result, Slotted, lambda a, b: (a, b), lambda a, b: {"a": a, 1: b}]
)
def test_what_is_handed_out_may_be_inside_anything(kind: Any) -> None:
    module = Odd(lambda m, x: kind(m.a(x), [m.b(x)]), a=conv(), b=conv())
    assert Network.from_torch(module, MAP).outputs == (0, 1)


def scripted(module: nn.Module) -> Any:
    return torch.jit.script(module)


def traced(module: nn.Module) -> Any:
    return torch.jit.trace(module, torch.zeros(1, *MAP))


def frozen(module: nn.Module) -> Any:
    return torch.jit.freeze(torch.jit.script(module.eval()))


def exported(module: nn.Module) -> Any:
    return torch.export.export(module.eval(), (torch.zeros(1, *MAP),)).module()


def program(module: nn.Module) -> Any:
    return torch.export.export(module.eval(), (torch.zeros(1, *MAP),))


def symbolic(module: nn.Module) -> Any:
    return torch.fx.symbolic_trace(module)


def inside(module: nn.Module) -> Any:
    return nn.Sequential(torch.jit.script(module), nn.Identity())


@pytest.mark.parametrize("made", [scripted, traced, frozen, exported, program, symbolic, inside])
def test_scripted_and_exported_modules(made: Any) -> None:
    module = nn.Sequential(conv(), nn.ReLU(), conv(), nn.Flatten(), nn.Linear(256, 3))
    expected = Network.from_torch(module, MAP)
    module.eval()
    net = Network.from_torch(made(module), MAP)
    assert (net.params, net.macs, len(net)) == (expected.params, expected.macs, len(expected))


def test_a_program_knows_its_inputs() -> None:
    assert Network.from_torch(program(nn.Sequential(conv()))).input_shape == MAP


def test_a_traced_function_is_seen() -> None:
    gate = torch.jit.trace(lambda x: x * x.sigmoid(), torch.zeros(1))
    net = Network.from_torch(Odd(lambda m, x: m.b(gate(m.a(x))), a=conv(), b=conv()), MAP)
    assert (net.params, net.layers[0].activation) == (296, "silu")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quantised_modules_are_read_at_their_bits() -> None:
    fx = pytest.importorskip("torch.ao.quantization.quantize_fx")
    quantization = pytest.importorskip("torch.ao.quantization")
    module = nn.Sequential(
        *(conv(), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 1, groups=2)),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)),
    ).eval()
    x = torch.randn(1, *MAP)
    prepared = fx.prepare_fx(module, quantization.get_default_qconfig_mapping(), (x,))
    prepared(x)
    net = Network.from_torch(fx.convert_fx(prepared), MAP)
    assert [row.kind for row in net.layers] == ["conv", "conv", "pool", "linear"]
    assert {row.weight_bits for row in net.layers if row.params} == {8}
    assert {row.bits for row in net.layers} == {8}
    assert (net.params, net.macs) == (148 + 24 + 27, counted(module, x)[1])  # the norm is folded
    dynamic = quantization.quantize_dynamic(nn.Sequential(nn.Linear(8, 16)), {nn.Linear})
    layer = Network.from_torch(dynamic, TOKENS).layers[0]
    assert (layer.params, layer.bits, layer.weight_bits) == (144, 32, 8)


def test_steps_of_quantisation_belong_to_what_they_follow() -> None:
    pytest.importorskip("torch.ao.quantization.fx._decomposed")
    ops = torch.ops.quantized_decomposed

    def forward(m: Any, x: Any) -> Any:
        weight = ops.dequantize_per_tensor(m.stored, 0.1, 0, -128, 127, torch.int8)
        y = F.conv2d(x, weight, m.bias).relu()
        y = ops.quantize_per_tensor(y, 0.1, 0, 0, 255, torch.uint8)
        return ops.dequantize_per_tensor(y, 0.1, 0, 0, 255, torch.uint8) + 1

    module = Odd(forward, bias=weights(6))
    module.register_buffer("stored", torch.ones(6, 4, 1, 1, dtype=torch.int8))
    net = Network.from_torch(module, MAP)
    assert [row.kind for row in net.layers] == ["conv", "scale"]
    assert (net.params, net.layers[0].bits, net.layers[0].weight_bits) == (30, 8, 8)


# Refusals


def test_a_detour_is_refused_where_it_comes_back() -> None:
    def by_numpy(m: Any, x: Any) -> Any:
        return m.b(torch.from_numpy(m.a(x).detach().numpy() * 2))

    def by_lists(m: Any, x: Any) -> Any:
        return m.b(torch.tensor(m.a(x).tolist()))

    def at_the_end(m: Any, x: Any) -> Any:
        return torch.from_numpy(m.b(m.a(x)).numpy())

    def weights_by_numpy(m: Any, x: Any) -> Any:
        return F.conv2d(m.a(x), torch.from_numpy(m.b.weight.detach().numpy() * 2))

    for function in (by_numpy, by_lists, at_the_end):
        with pytest.raises(UnknownOperatorsError, match=r"what is returned .of what is"):
            Network.from_torch(Odd(function, a=conv(), b=conv()), MAP)
    with pytest.raises(UnknownOperatorsError, match=r"conv2d .of what is made where.* its forward"):
        Network.from_torch(Odd(weights_by_numpy, a=conv(), b=conv()), MAP)
    constant = Odd(lambda m, x: m.a(x) + torch.from_numpy(torch.ones(4, 1, 1).numpy()), a=conv())
    assert Network.from_torch(constant, MAP).params == 148


def test_operators_of_others_are_refused_by_name() -> None:
    @torch.library.custom_op("flash_tests::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @twice.register_fake
    def _(x: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(x)

    module = nn.Sequential(conv(), Odd(lambda m, x: twice(x)), conv())
    with pytest.raises(UnknownOperatorsError, match=r"flash_tests::twice at 1 .an operator of its"):
        Network.from_torch(module, MAP)
    unused = Odd(lambda m, x: (m.a(x), twice(x))[0], a=conv())
    assert Network.from_torch(unused, MAP).params == 148


def test_unknown_operators_are_refused_by_name() -> None:
    gradient = Odd(lambda m, x: torch.func.grad(lambda y: m.a(y).sum())(x), a=conv())
    with pytest.raises(UnknownOperatorsError, match="convolution_backward"):
        Network.from_torch(gradient, MAP)
    sparse = Odd(
        lambda m, x: torch.sparse.mm(m.a(x)[0, 0].to_sparse(), m.p), a=conv(), p=weights(8, 3)
    )
    with pytest.raises(UnknownOperatorsError, match="sparse"):
        Network.from_torch(sparse, MAP)


def test_a_weight_that_goes_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = nn.Sequential(conv(), nn.ReLU(), conv(), nn.PReLU(4), nn.BatchNorm2d(4))
    right = Network.from_torch(module, MAP)
    assert right.params == sum(one.numel() for one in module.parameters())

    def lost(recorder: Any, call: Any) -> Any:
        return recorder.number(call.first()) if recorder.path == "2" else plain(recorder, call)

    plain = products.PRODUCTS["conv2d"]
    monkeypatch.setitem(functions.HANDLERS, "conv2d", lost)
    with pytest.raises(ArgumentError, match=r"not followed: 2\.weight, 2\.bias"):
        Network.from_torch(module, MAP)
    monkeypatch.undo()
    monkeypatch.setattr(functions, "by_number", None)
    monkeypatch.setitem(
        functions.HANDLERS, "prelu", lambda recorder, call: recorder.number(call.args[0])
    )
    with pytest.raises(ArgumentError, match=r"not followed: 3\.weight"):
        Network.from_torch(module, MAP)


def test_a_table_that_lacks_weights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from flash.networks.reading.from_torch import module as torch_module

    plain = torch_module.assemble

    def lossy(operations: Any, shape: Any, returned: Any) -> Network:
        operations[0].fields["extra_params"] = -5
        return plain(operations, shape, returned)

    monkeypatch.setattr(torch_module, "assemble", lossy)
    with pytest.raises(ArgumentError, match="stores 148 numbers, and its table would hold 143"):
        Network.from_torch(nn.Sequential(conv()), MAP)


# What depends on values


def test_what_depends_on_values_is_told() -> None:
    def boxes(m: Any, x: Any) -> Any:
        y = m.a(x)
        kept = (y[0, 0] >= 0).nonzero()
        return m.l(y[0].flatten(1).t()[kept[:, 0]])

    module = nn.Sequential(Odd(boxes, a=conv(), l=nn.Linear(4, 3)))
    with pytest.warns(UserWarning, match="reads values of its input: .*nonzero at 0"):
        net = Network.from_torch(module, MAP)
    assert (net.params, net.macs) == (163, 148 * 64 - 4 * 64 + 64 * 12)
    with pytest.raises(ArgumentError, match="must run on an image of 4 x 8 x 8, got NeedsValues"):
        Network.from_torch(module.to("meta"), MAP)


def test_values_of_an_example_count() -> None:
    def masked(m: Any, x: Any, mask: Any) -> Any:
        return m.a(x) if mask.all() else m.a(x[:, : int(mask.sum())])

    module = Odd(masked, a=nn.Linear(8, 4)).to("meta")
    mask = torch.ones(7, dtype=torch.int64)
    mask[5:] = 0
    with pytest.warns(UserWarning, match="reads values of its input"):
        net = Network.from_torch(module, example=(torch.zeros(1, 7, 8), mask))
    assert net.macs == 5 * 32


def test_what_is_not_known_of_an_unused_part_is_no_matter() -> None:
    def forward(m: Any, x: Any) -> Any:
        torch.linalg.eigvals(m.a(x)[0, 0])
        return m.a(x)

    assert Network.from_torch(Odd(forward, a=conv()), MAP).params == 148


# The caller's module


class Busy(nn.Module):
    """Writes into all that it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.a = conv()
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("table", torch.zeros(3))
        self.grid: Any = None

    def forward(self, x: Any) -> Any:
        if self.grid is None:
            self.grid = torch.arange(x.numel(), device=x.device).view(x.shape)
        self.a.weight.data.clamp_(-0.01, 0.01)
        y = self.a(x) + self.grid
        self.mean.mul_(0.9).add_(y.mean((0, 2, 3)) * 0.1)
        self.table.copy_(torch.ones(3))
        return nn.functional.dropout(y - self.mean.view(1, 4, 1, 1), training=self.training)


@pytest.mark.parametrize("real", [False, True])
def test_a_busy_module_is_left_as_it_was(real: bool) -> None:
    busy = Busy()
    module: nn.Module = busy
    if real:
        module = Odd(lambda m, x: m.b(x) if x.sum() <= 0 else x, b=busy)
    twin = copy.deepcopy(module)
    random = torch.get_rng_state()
    if real:
        with pytest.warns(UserWarning, match="reads values"):
            net = Network.from_torch(module, MAP)
    else:
        net = Network.from_torch(module, MAP)
    assert net.params == 148
    assert torch.equal(torch.get_rng_state(), random)
    assert busy.training
    assert busy.grid is None
    assert torch.backends.mha.get_fastpath_enabled()
    state = module.state_dict()
    assert all(torch.equal(one, state[key]) for key, one in twin.state_dict().items())
    assert busy.a.weight.requires_grad
    assert not torch.nn.modules.module._global_forward_hooks
    with torch.no_grad():
        assert torch.equal(
            busy.eval()(torch.ones(1, *MAP)),
            next(part for part in twin.modules() if isinstance(part, Busy)).eval()(
                torch.ones(1, *MAP)
            ),
        )


def test_a_module_that_fails_is_left_as_it_was() -> None:
    busy = Busy()
    module = nn.Sequential(busy, nn.Linear(3, 3))
    with pytest.raises(ArgumentError, match=r"got RuntimeError in 1: mat1 and mat2"):
        Network.from_torch(module, MAP)
    assert busy.grid is None
    assert module.training
    assert busy.mean.tolist() == [0.0] * 4
    assert not torch.nn.modules.module._global_forward_hooks


def test_a_huge_model_takes_no_memory() -> None:
    with torch.device("meta"):
        module = nn.Sequential(*[nn.Linear(100_000, 100_000) for _ in range(7)])
    net = Network.from_torch(module, example=torch.zeros(1, 100_000))
    assert net.params == 7 * 100_000 * 100_001


# Models of other packages, where they are installed


@pytest.mark.parametrize(
    ("name", "shape", "params", "macs"),
    [
        ("resnet50", (3, 224, 224), 25_557_032, 4_089_184_256),
        ("mobilenet_v3_small", (3, 224, 224), 2_542_856, 56_510_400),
        ("convnext_tiny", (3, 224, 224), 28_589_128, 4_455_531_264),
        ("vit_b_16", (3, 224, 224), 86_567_656, 17_563_828_224),
        ("r2plus1d_18", (3, 8, 112, 112), 31_505_325, 20_259_642_880),
    ],
)
def test_models_of_torchvision(name: str, shape: Any, params: int, macs: int) -> None:
    models = pytest.importorskip("torchvision.models")
    net = Network.from_torch(models.get_model(name, weights=None), shape)
    assert (net.params, net.macs) == (params, macs)


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [
        ("mobilenetv3_small_100", 2_542_856, 56_510_400),
        ("nf_resnet50", 25_557_032, 5_340_348_416),
        ("halonet26t", 12_480_288, 3_172_810_752),
        ("swin_tiny_patch4_window7_224", 28_288_354, 4_490_566_656),
    ],
)
def test_models_of_timm(name: str, params: int, macs: int) -> None:
    timm = pytest.importorskip("timm")
    module = timm.create_model(name)
    net = Network.from_torch(module, module.default_cfg["input_size"])
    assert (net.params, net.macs) == (params, macs)


def test_models_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    module = transformers.BertModel(transformers.BertConfig())
    net = Network.from_torch(module, (128,))
    assert (net.params, net.macs) == (109_482_240, 11_174_215_680)


def test_any_target_costs_any_network() -> None:
    net = Network.from_torch(KINDS["torch's encoder"][0](), TOKENS)
    assert flash.Target.load("cpu-x86").cost(net).latency_ms > 0
