"""The space of decoders: counts of public models, budgets as formulas, and its modules."""

from __future__ import annotations

from typing import Any

import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError
from flash.spaces.known.decoder import PARENTS, Decoder

# Params of the models that transformers 5.23.0 builds of these configs, and MACs for 512 tokens
# that `Network.from_torch` reads of them (of one and two layers, the second counted on).
PUBLIC = {
    "mobilellm-125m": (124_635_456, 72_855_060_480),
    "smollm-135m": (134_515_008, 77_913_391_104),
    "qwen2.5-0.5b": (494_032_768, 264_182_431_744),
    "llama-3.2-1b": (1_235_814_400, 649_882_238_976),
    "llama-3.2-3b": (3_212_749_824, 1_689_935_413_248),
    "mistral-7b": (7_241_732_096, 3_709_241_131_008),
    "llama-3.1-8b": (8_030_261_248, 3_911_104_593_920),
    "llama-3.1-70b": (70_553_706_496, 35_928_475_172_864),
}
SMALL = {
    "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 160, "vocab_size": 96,
}  # fmt: skip
PEAK, BANDWIDTH = 150e12, 600e9  # operations and bytes a second of a server's accelerator


def roofline(layer: Any) -> float:
    """Milliseconds of a layer: its products, or what it moves."""
    moved = layer.bytes_read + layer.bytes_written
    return 1e3 * float(max(2 * layer.macs / PEAK, moved / BANDWIDTH))


GPU = flash.LayerTarget(roofline, name="roofline")


def uncut(space: flash.BlockSpace) -> flash.BlockNetwork:
    return space.decode([0] * len(space.variables))


def formula(config: dict[str, Any], tokens: int, byte: float) -> tuple[float, float]:
    """Return parameters, and milliseconds of the products, by a config's numbers alone."""
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    heads, kept = config["num_attention_heads"], config["num_key_value_heads"]
    size, wide = config["head_dim"], config["intermediate_size"]
    words = config["vocab_size"]
    biases = (heads + 2 * kept) * size if config.get("bias") == "qkv" else 0
    # each product: rows of the weights, columns, how many
    weights = [
        (hidden, heads * size, 1), (hidden, kept * size, 2), (heads * size, hidden, 1),
        (hidden, wide, 2), (wide, hidden, 1),
    ]  # fmt: skip
    each = sum(into * out * count for into, out, count in weights)
    params = layers * (each + biases + 2 * hidden) + hidden
    params += words * hidden * (1 if config["tie_word_embeddings"] else 2)

    def time(macs: float, numbers: float) -> float:
        return 1e3 * max(2 * macs / PEAK, byte * numbers / BANDWIDTH)

    layer = sum(
        count * time(tokens * into * out, into * out + tokens * (into + out))
        for into, out, count in weights
    )
    layer += 2 * time(tokens * tokens * heads * size, tokens * heads * (2 * size + tokens))
    last = time(tokens * hidden * words, hidden * words + tokens * (hidden + words))
    return params, layers * layer + last


@pytest.mark.parametrize("name", PUBLIC)
def test_the_uncut_model_is_the_public_one(name: str) -> None:
    space = Decoder(name)
    net = uncut(space)
    assert (net.params, net.macs) == PUBLIC[name]
    assert net.weights_kib == PUBLIC[name][0] * 2 / 1024
    assert net.params == formula(PARENTS[name], 512, 2.0)[0]


@pytest.mark.parametrize("name", PUBLIC)
@pytest.mark.parametrize("tokens", [1, 2048])
def test_memory_and_latency_are_the_formula_of_the_config(name: str, tokens: int) -> None:
    context = 4096
    config = PARENTS[name]
    space = Decoder(name, sequence=tokens, context=context)

    def products(layer: Any) -> float:
        return roofline(layer) if layer.macs else 0.0

    problem = space.choices(flash.LayerTarget(products, name="products"))
    metrics = sums(problem)
    params, latency = formula(config, tokens, 2.0)
    cache = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * config["head_dim"]
    assert metrics["weights_kib"] == params * 2 / 1024
    assert metrics["cache_kib"] == cache * context * 2 / 1024
    assert metrics["latency_ms"] == pytest.approx(latency, rel=0.02)
    if tokens == 1:  # all that is moved counts too: weights alone decide
        words = config["vocab_size"] * config["hidden_size"]
        read = params - (0 if config["tie_word_embeddings"] else words)
        whole = sums(space.choices(GPU))["latency_ms"]
        assert whole == pytest.approx(1e3 * 2 * read / BANDWIDTH, rel=0.02)


def sums(problem: flash.ChoiceProblem) -> dict[str, float]:
    """Return the metrics of the first option of each group."""
    at = [problem.options(group)[0] for group in problem.groups]
    found: dict[str, float] = dict.fromkeys(problem.metrics, 0.0)
    start = 0
    for group, label in zip(problem.groups, at, strict=True):
        place = start + problem.options(group).index(label)
        for name in problem.metrics:
            value = float(problem.values(name)[place])
            peak = name in problem.peaks
            found[name] = max(found[name], value) if peak else found[name] + value
        start += len(problem.options(group))
    return found


def test_layers_have_the_choices_that_were_asked_for() -> None:
    space = Decoder(SMALL, kv_heads=[4, 1], ffn=[1.0, 0.5], skip="attention")
    labels = space.choices_of("block_layers_0")
    assert labels == (
        "layer kv_heads 4 ffn_width 160", "layer kv_heads 4 ffn_width 80",
        "layer kv_heads 1 ffn_width 160", "layer kv_heads 1 ffn_width 80",
        "ffn ffn_width 160", "ffn ffn_width 80",
    )  # fmt: skip
    assert space.size == 6**3
    assert Decoder(SMALL).size == ((2 + 1) * (5 + 1)) ** 3  # heads 2 and 1, five widths, skips
    assert Decoder(SMALL, skip=()).size == (2 * 5) ** 3


def test_costs_are_those_of_the_whole_network() -> None:
    cpu = flash.Target.load("cpu-x86")
    space = Decoder(SMALL, sequence=24, bits=32)
    networks = space.sample(12, seed=3)
    costs = flash.evaluate(space, cpu, [one.row for one in networks])
    for k, net in enumerate(networks):
        assert costs["latency_ms"][k] == cpu.cost(net.network()).latency_ms
        assert (costs["params"][k], costs["macs"][k]) == (net.params, net.macs)


def test_a_choice_under_budgets_is_proven_and_is_its_network() -> None:
    space = Decoder("llama-3.2-1b", sequence=256, context=4096)
    rows = [
        {"layer": layer, "kv_heads": kept, "ffn_width": width, "loss": loss(layer, kept, width)}
        for layer in range(16)
        for kept in (8, 4, 2, 1, 0)
        for width in (8192, 6144, 4096, 2048, 816, 0)
    ]
    problem = space.choices(GPU, scores=rows)
    whole = sums(problem)
    answer = flash.choose(
        problem,
        minimize="loss",
        where=[
            f"latency_ms <= {0.7 * whole['latency_ms']}",
            f"weights_kib + cache_kib <= {0.75 * (whole['weights_kib'] + whole['cache_kib'])}",
        ],
    )
    assert answer.status == "OPTIMAL"
    assert answer.proven
    net = space.chosen(answer)
    cost = GPU.cost(net.network())
    assert answer.metrics["latency_ms"] == pytest.approx(cost.latency_ms, rel=1e-9)
    assert (answer.metrics["params"], answer.metrics["macs"]) == (net.params, net.macs)
    assert answer.metrics["weights_kib"] == net.weights_kib
    assert answer.metrics["memory_kib"] == net.peak_memory_kib
    kept = [
        int(label.split("kv_heads ")[1].split()[0]) if "kv_heads" in label else 0
        for label in answer.choices.values()
    ]
    assert answer.metrics["cache_kib"] == sum(kept) * 2 * 64 * 4096 * 2 / 1024


def loss(layer: int, kept: int, width: int) -> float:
    """A score that falls with what is left, other in each layer."""
    return round(
        (1 + layer % 3) * (1 - (kept / 8) ** 0.5) + (1 + layer % 5) * (1 - (width / 8192) ** 0.5), 6
    )


def test_sequences_and_bits_are_the_cache() -> None:
    usual = sums(Decoder(SMALL, sequence=16, context=128).choices())["cache_kib"]
    assert usual == 3 * 2 * 2 * 16 * 128 * 2 / 1024
    assert sums(Decoder(SMALL, context=128, sequences=5).choices())["cache_kib"] == 5 * usual
    assert sums(Decoder(SMALL, context=128, cache_bits=8).choices())["cache_kib"] == usual / 2
    assert sums(Decoder(SMALL, sequence=128).choices())["cache_kib"] == usual


def test_configs_of_transformers_are_read() -> None:
    config = {**SMALL, "model_type": "qwen2", "rms_norm_eps": 1e-6, "tie_word_embeddings": True}
    own = uncut(Decoder(config))
    plain = uncut(Decoder(SMALL, tie_word_embeddings=True, bias="qkv"))
    assert own.params == plain.params
    assert (
        uncut(Decoder({**SMALL, "attention_bias": True})).params
        == uncut(Decoder(SMALL, bias="all")).params
    )
    without = {name: value for name, value in SMALL.items() if name != "num_key_value_heads"}
    assert Decoder(without).choices_of("block_layers_0")[0] == "layer kv_heads 4 ffn_width 160"


@pytest.mark.parametrize(
    ("parent", "options", "told"),
    [
        ("gpt-2", {}, "parent must be one of .mobilellm-125m"),
        (7, {}, "parent must be one of"),
        ({**SMALL, "model_type": "opt"}, {}, "model_type must be one of llama"),
        ({**SMALL, "hidden_act": "gelu"}, {}, "hidden_act must be 'silu'"),
        ({**SMALL, "mlp_bias": True}, {}, "mlp_bias"),
        ({"hidden_size": 64}, {}, "lacks num_hidden_layers"),
        ({**SMALL, "hidden_size": 66}, {}, "multiple of 4 heads"),
        ({**SMALL, "num_hidden_layers": 127}, {}, "num_hidden_layers"),
        (SMALL, {"kv_heads": 3}, "kv_heads must divide the 4"),
        (SMALL, {"ffn": [1.0, 0.999]}, "holds the width 160 twice"),
        (SMALL, {"ffn": 0}, "ffn"),
        (SMALL, {"skip": "mlp"}, "skip must be one of .attention., .ffn."),
        (SMALL, {"sequence": 0}, "sequence"),
        (SMALL, {"context": 0}, "context"),
        (SMALL, {"bits": 12}, "bits must be one of"),
        (SMALL, {"hiden_size": 64}, "did you mean 'hidden_size'"),
    ],
)
def test_what_is_wrong_is_named(parent: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        Decoder(parent, **options)


def test_plain_data_make_the_space_again() -> None:
    for space in (
        Decoder(),
        Decoder("smollm-135m", kv_heads=[3], ffn=[1.0, 0.5], skip="ffn", context=99, sequences=2),
        Decoder(SMALL, sequence=[16, 32], bits=8, cache_bits=4, vocab_size=100),
    ):
        again = flash.BlockSpace.from_dict(space.to_dict())
        assert again == space
    assert Decoder().to_dict() == {"family": "decoder"}


@pytest.mark.torch
@pytest.mark.parametrize("bias", ["none", "qkv", "all"])
def test_modules_are_their_rows(bias: str) -> None:
    pytest.importorskip("torch")
    from flash.spaces.blocks.layouts import OnRows

    config = {**SMALL, "num_key_value_heads": 4}
    space = Decoder(config, sequence=24, bits=32, bias=bias, ffn=[1.0, 0.5])
    for one in space.fragments():
        module: Any = one.module()
        on = OnRows(module) if len(one.shape_in) == 2 else module
        assert flash.Network.from_torch(on, one.network.input_shape).layers == one.network.layers


@pytest.mark.torch
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("target", ["cpu-x86", "raspberry-pi-4", "gtx-1080ti"])
def test_networks_cost_what_their_modules_do(target: str, tied: bool) -> None:
    torch = pytest.importorskip("torch")
    own = flash.Target.load(target)
    space = Decoder(SMALL, sequence=24, bits=32, tie_word_embeddings=tied)
    for net in space.sample(3, seed=5):
        module = net.to_torch(seed=1)
        words = torch.zeros(2, 24, dtype=torch.long)
        assert module(words).shape == (2, 24, 96)
        assert sum(one.numel() for one in module.parameters()) == net.params
        whole = flash.Network.from_torch(module, (24,))
        assert (whole.params, whole.macs) == (net.params, net.macs)
        assert own.cost(whole).latency_ms == own.cost(net.network()).latency_ms
        assert whole.peak_memory_kib == net.peak_memory_kib


@pytest.mark.torch
def test_large_modules_are_made_without_values() -> None:
    torch = pytest.importorskip("torch")
    net = uncut(Decoder("llama-3.1-70b", sequence=16, num_hidden_layers=2))
    with torch.device("meta"):
        module = net.to_torch()
    assert all(one.is_meta for one in module.parameters())
    assert sum(one.numel() for one in module.parameters()) == net.params


@pytest.mark.torch
def test_attention_reads_what_came_before() -> None:
    torch = pytest.importorskip("torch")
    net = uncut(Decoder(SMALL, sequence=8, bits=32))
    module = net.to_torch(seed=2)
    words = torch.arange(8)[None]
    other = words.clone()
    other[0, 5] = 50
    with torch.no_grad():
        one, two = module(words), module(other)
    assert torch.equal(one[:, :5], two[:, :5])
    assert not torch.allclose(one[:, 5:], two[:, 5:])


def test_a_config_with_numbers_beside_it_is_read_back() -> None:
    space = Decoder(SMALL, attention_bias=True)
    again = flash.BlockSpace.from_dict(space.to_dict())
    assert again.decode(0).params == space.decode(0).params > Decoder(SMALL).decode(0).params
    less = {name: one for name, one in SMALL.items() if name != "vocab_size"}
    assert Decoder(less, vocab_size=96).size == Decoder(SMALL).size


def test_a_module_reads_fewer_tokens_than_it_has_positions_for() -> None:
    config = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "intermediate_size": 48,
        "vocab_size": 40,
    }
    torch = pytest.importorskip("torch")
    space = flash.Decoder(config, ffn=[1.0], kv_heads=[2], sequence=12)
    module: Any = space.decode(0).to_torch(seed=0)
    tokens = torch.arange(12)[None]
    with torch.no_grad():
        # tokens see only those before them: the first of many are as if they were alone
        torch.testing.assert_close(module(tokens[:, :7]), module(tokens)[:, :7])
    with pytest.raises(ValueError, match=r"13 tokens.*positions for 12.*sequence=13"):
        module(torch.arange(13)[None])
