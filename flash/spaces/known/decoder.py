"""Transformer decoders: of each layer how many key-value heads and how wide a feed-forward part, or
neither; the rest as in a parent that is there.

The choices are those of Puzzle (Bercovich et al. 2024, arXiv 2411.19146): blocks of a trained
model are replaced by cheaper ones, one for each layer, under budgets. Layers are those of Llama:
RMS norms, rotary positions, grouped queries, a gated SiLU as the feed-forward part.
"""

from __future__ import annotations

from ...base.checks import choice, flag, hint, integer, is_list, public, real, shown
from ...base.record import Record
from ...errors import ArgumentError, ArgumentTypeError
from ..blocks.options import Option, listed
from ..blocks.space import BlockSpace
from ..blocks.stage import Stage
from .origins import origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypedDict, Unpack

    import torch

    Shape = tuple[int, ...]
    Rows = list[dict[str, Any]]

    class Numbers(TypedDict, total=False):
        """Keys of a config that say what a parent is."""

        hidden_size: int
        num_hidden_layers: int
        num_attention_heads: int
        num_key_value_heads: int
        intermediate_size: int
        vocab_size: int
        head_dim: int
        tie_word_embeddings: bool
        attention_bias: bool


__all__ = ["PARENTS", "Decoder"]

_KEYS = (
    *("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads"),
    *("intermediate_size", "vocab_size", "head_dim", "tie_word_embeddings", "bias"),
)
# The numbers of the models' config.json; MobileLLM's of its paper (arXiv 2402.14905, table 9).
PARENTS: dict[str, dict[str, Any]] = {
    name: dict(zip(_KEYS, numbers, strict=False))
    for name, numbers in {
        "mobilellm-125m": (576, 30, 9, 3, 1536, 32000, 64, True),
        "smollm-135m": (576, 30, 9, 3, 1536, 49152, 64, True),
        "qwen2.5-0.5b": (896, 24, 14, 2, 4864, 151936, 64, True, "qkv"),
        "llama-3.2-1b": (2048, 16, 32, 8, 8192, 128256, 64, True),
        "llama-3.2-3b": (3072, 28, 24, 8, 8192, 128256, 128, True),
        "mistral-7b": (4096, 32, 32, 8, 14336, 32000, 128, False),
        "llama-3.1-8b": (4096, 32, 32, 8, 14336, 128256, 128, False),
        "llama-3.1-70b": (8192, 80, 64, 8, 28672, 128256, 128, False),
    }.items()
}
BIASES = ("none", "qkv", "all")
KINDS = ("llama", "mistral", "qwen2")  # whose configs say what is here
FRACTIONS = (1.0, 0.75, 0.5, 0.25, 0.1)
SKIPS = ("attention", "ffn")
UNIT = 16  # widths are multiples of it
USUAL: dict[str, Any] = {
    "parent": "llama-3.2-1b", "kv_heads": None, "ffn": FRACTIONS, "skip": SKIPS, "sequence": 512,
    "context": None, "sequences": 1, "bits": 16, "cache_bits": None,
}  # fmt: skip


@public
def Decoder(
    parent: str | Mapping[str, Any] = "llama-3.2-1b",
    *,
    kv_heads: int | Sequence[int] | None = None,
    ffn: float | Sequence[float] = FRACTIONS,
    skip: str | Sequence[str] = SKIPS,
    sequence: int | Sequence[int] = 512,
    context: int | None = None,
    sequences: int = 1,
    bits: int = 16,
    cache_bits: int | None = None,
    **numbers: Unpack[Numbers],
) -> BlockSpace:
    """Return the space of decoders that keep a parent's layers or replace them by cheaper ones.

    Parameters
    ----------
    parent : str or dict, default "llama-3.2-1b"
        A name of `PARENTS` ("mobilellm-125m" to "llama-3.1-70b"), or a dictionary as a model's
        config.json: hidden_size, num_hidden_layers, num_attention_heads, intermediate_size,
        vocab_size, and where they differ from the usual num_key_value_heads (num_attention_heads),
        head_dim (hidden_size / num_attention_heads), tie_word_embeddings (False), attention_bias
        (False). Other keys of such a file are not read; a `model_type` must be one of llama,
        mistral, qwen2.
    kv_heads : int or list of int, optional
        Choices of key-value heads of a layer: divisors of the parent's attention heads. Default
        the parent's, then half as many, down to 1.
    ffn : float or list of float, default (1.0, 0.75, 0.5, 0.25, 0.1)
        Choices of the feed-forward part's width, as fractions of the parent's; to the nearest
        multiple of 16.
    skip : "attention", "ffn", or a list of them, default both
        Parts that a layer may go without. () for none.
    sequence : int or list of int, default 512
        Tokens that are read at once: what latency, MACs and peak memory are of. A list is a choice.
    context : int, optional
        Tokens that the key-value cache holds; default as many as the longest sequence.
    sequences : int, default 1
        Such caches.
    bits : {16, 8, 4, 32}, default 16
        Of weights and of what is handed on.
    cache_bits : int, optional
        Of keys and values in the cache; default `bits`.
    **numbers
        Keys of a config, instead of the parent's.

    Returns
    -------
    BlockSpace
        Stages "embedding", "layers" and "head" (norm and vocabulary). Each layer is one choice:
        "layer" with `kv_heads` and `ffn_width`, "attention" alone, "ffn" alone, or skip. Beside
        what all such spaces have, `choices` knows ``cache_kib``, the key-value cache.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, or the config is one of other layers.
    """
    own = _config(parent, numbers)
    heads, head_dim, hidden = own["num_attention_heads"], own["head_dim"], own["hidden_size"]
    usual = own["num_key_value_heads"]
    given = _halves(usual) if kv_heads is None else listed("kv_heads", kv_heads)
    kept = [integer("kv_heads", one, 1, heads) for one in given]
    for one in kept:
        if heads % one:
            raise ArgumentError(f"kv_heads must divide the {heads} attention heads, got {one}")
    widths: list[int] = []
    for fraction in listed("ffn", ffn):
        width = own["intermediate_size"] * real("ffn", fraction, 1e-6, 64.0)
        width = own["intermediate_size"] if fraction == 1.0 else max(1, round(width / UNIT)) * UNIT
        if width in widths:
            raise ArgumentError(f"ffn: {shown(ffn)} holds the width {width} twice")
        widths.append(width)
    asked_skips: Any = (skip,) if isinstance(skip, str) else skip
    if not is_list(asked_skips) or len(asked_skips) > len(SKIPS):
        raise ArgumentTypeError(f"skip must be of {', '.join(SKIPS)}, got {shown(skip)}")
    skips = tuple(asked_skips)
    for part in skips:
        choice("skip", part, SKIPS)
    asked: Any = sequence
    if is_list(asked) and len(asked) > 1 << 10:
        raise ArgumentError(f"sequence must be at most 1024 lengths, got {len(asked)}")
    lengths = list(asked) if is_list(asked) else [asked]
    lengths = [integer("sequence", one, 1, 1 << 20) for one in lengths]
    if not lengths:
        raise ArgumentError("sequence must have at least one choice, got none")
    held = max(lengths) if context is None else integer("context", context, 1, 1 << 24)
    held *= integer("sequences", sequences, 1, 1 << 20)
    bits = integer("bits", bits, 1, 32)
    stored = bits if cache_bits is None else integer("cache_bits", cache_bits, 1, 64)

    fields = (heads, head_dim, own["bias"])
    build, module = DecoderLayer(*fields), DecoderLayer(*fields, "module")
    metrics = {"cache_kib": CacheKib(head_dim, held, stored)}

    def option(choices: dict[str, Any]) -> Option:
        return Option(build, module, choices, shape=True, metrics=metrics)

    options: dict[str, Option | None] = {
        "layer": option({"kv_heads": kept, "ffn_width": widths}),
    }
    if "ffn" in skips:
        options["attention"] = option({"kv_heads": kept})
    if "attention" in skips:
        options["ffn"] = option({"ffn_width": widths})
    if len(set(skips)) == len(SKIPS):
        options["skip"] = None
    tied, vocabulary = own["tie_word_embeddings"], own["vocab_size"]
    words, ending = Words(vocabulary), Vocabulary(tied)
    named = isinstance(parent, str)
    told = {
        "parent": parent if named else own,
        "kv_heads": kv_heads, "ffn": ffn, "skip": skip, "sequence": sequence, "context": context,
        "sequences": sequences, "bits": bits, "cache_bits": cache_bits,
        **(numbers if named else {}),  # a config has them
    }  # fmt: skip
    return BlockSpace(
        [Stage(options, repeats=own["num_hidden_layers"], cell="block", name="layers")],
        input=lengths if len(lengths) > 1 else lengths[0],
        stem=Stage(
            {"words": Option(words, Words(vocabulary, "module"), shape=True)},
            hidden, name="embedding",
        ),
        head=Stage(
            {"vocabulary": Option(ending, Vocabulary(tied, "module"), shape=True)},
            vocabulary, name="head",
        ),
        num_classes=vocabulary, name="decoder", bits=bits,
        origin=origin_of(told, USUAL),
    )  # fmt: skip


def _halves(count: int) -> list[int]:
    found = [count]
    while found[-1] % 2 == 0:
        found.append(found[-1] // 2)
    return found


def _config(parent: Any, numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parent's numbers, checked."""
    for name in numbers:
        if name not in _KEYS and name != "attention_bias":
            raise ArgumentTypeError(
                f"got an unexpected argument {shown(name)}{hint(name, _KEYS)}; numbers of the "
                f"parent are {', '.join(_KEYS)}"
            )
    if isinstance(parent, str):
        choice("parent", parent, PARENTS)
        given = dict(PARENTS[parent])
    elif hasattr(parent, "items"):
        given = dict(parent)
    elif hasattr(parent, "to_dict"):  # as transformers holds them
        given = dict(parent.to_dict())
    else:
        raise ArgumentTypeError(
            f"parent must be one of {', '.join(PARENTS)} or a config, got {shown(parent)}"
        )
    given.update(numbers)
    kind = given.get("model_type")
    if kind is not None and kind not in KINDS:
        raise ArgumentError(
            f"parent: model_type must be one of {', '.join(KINDS)}, whose layers these are, "
            f"got {shown(kind)}"
        )
    if given.get("hidden_act", "silu") != "silu":
        raise ArgumentError(f"parent: hidden_act must be 'silu', got {shown(given['hidden_act'])}")
    if given.get("mlp_bias"):
        raise ArgumentError("parent: mlp_bias must be False, got True")
    most = {"hidden_size": 1 << 20, "num_hidden_layers": 126, "vocab_size": 1 << 24}
    found: dict[str, Any] = {}
    for name in _KEYS[:6]:
        if name == "num_key_value_heads" and given.get(name) is None:
            given[name] = found["num_attention_heads"]
        if given.get(name) is None:
            raise ArgumentError(f"parent lacks {name}, got {shown(sorted(given))}")
        found[name] = integer(name, given[name], 1, most.get(name, 1 << 22))
    heads, size = found["num_attention_heads"], found["hidden_size"]
    if given.get("head_dim") is None and size % heads:
        raise ArgumentError(f"hidden_size must be a multiple of {heads} heads, got {size}")
    found["head_dim"] = integer("head_dim", given.get("head_dim") or size // heads, 2, 1 << 16)
    if found["head_dim"] % 2:
        raise ArgumentError(f"head_dim must be even, got {found['head_dim']}")
    tied = given.get("tie_word_embeddings")
    found["tie_word_embeddings"] = flag("tie_word_embeddings", False if tied is None else tied)
    bias = given.get("bias")
    if bias is None:
        bias = "qkv" if kind == "qwen2" else "all" if given.get("attention_bias") else "none"
    found["bias"] = choice("bias", bias, BIASES)
    return found


class Words(Record):
    """The embedding: rows or a module of it."""

    vocabulary: int
    gives: str = "rows"

    def __call__(self, in_channels: int, out_channels: int, stride: int, *, shape: Shape) -> Any:
        """Return it at a place."""
        if self.gives == "module":
            from ._decoder_torch import Words

            return Words(self.vocabulary, out_channels)
        return [
            {
                "kind": "embedding", "in_channels": self.vocabulary, "out_channels": out_channels,
                "height": shape[0], "inputs": [-1],
            }
        ]  # fmt: skip


class Vocabulary(Record):
    """The last norm and the vocabulary's layer: rows or a module of them."""

    tied: bool
    gives: str = "rows"

    def __call__(self, in_channels: int, out_channels: int, stride: int, *, shape: Shape) -> Any:
        """Return it at a place."""
        if self.gives == "module":
            from ._decoder_torch import Vocabulary

            return Vocabulary(in_channels, out_channels, self.tied)
        sizes = {"in_channels": in_channels, "height": shape[0]}
        norm = {"mode": "rms", "inputs": [-1], "extra_params": in_channels}
        last = {"kind": "linear", "out_channels": out_channels, "inputs": [0], **sizes}
        if self.tied:  # its weights are the embedding's
            last["extra_params"] = -in_channels * out_channels
        return [{"kind": "norm", "out_channels": in_channels, **norm, **sizes}, last]


class CacheKib(Record):
    """What a layer's keys and values take, in KiB."""

    head_dim: int
    held: int
    bits: int

    def __call__(
        self, in_channels: int, out_channels: int, stride: int, *, kv_heads: int = 0,
        ffn_width: int = 0, shape: Shape,
    ) -> float:  # fmt: skip
        """Return it at a place."""
        return 2 * kv_heads * self.head_dim * self.held * self.bits / 8 / 1024


class DecoderLayer(Record):
    """A layer: rows or a module of it, without attention or feed-forward part where one is 0."""

    heads: int
    head_dim: int
    bias: str
    gives: str = "rows"

    def __call__(
        self, in_channels: int, out_channels: int, stride: int, *, kv_heads: int = 0,
        ffn_width: int = 0, shape: Shape,
    ) -> Any:  # fmt: skip
        """Return it at a place."""
        if self.gives == "module":
            return self._module(out_channels, kv_heads, ffn_width, shape)
        rows = _Rows(shape)
        at = -1
        if kv_heads:
            at = rows.attention(at, self.heads, kv_heads, self.head_dim, self.bias)
        if ffn_width:
            rows.feed_forward(at, ffn_width)
        return rows.rows

    def _module(self, hidden: int, kv_heads: int, width: int, shape: Shape) -> torch.nn.Module:
        from ._decoder_torch import Layer

        return Layer(hidden, self.heads, kv_heads, self.head_dim, self.bias, width, shape[0])


class _Rows:
    """Rows of a layer to be, as they are read from its module."""

    def __init__(self, shape: Shape) -> None:
        self.tokens, self.hidden = shape
        self.rows: Rows = []

    def add(self, kind: str, inputs: list[int], into: int, out: int, **fields: Any) -> int:
        sizes = {"in_channels": into, "out_channels": out, "height": self.tokens}
        self.rows.append({"kind": kind, "inputs": inputs, **sizes, **fields})
        return len(self.rows) - 1

    def norm(self, source: int) -> int:
        size = self.hidden
        return self.add("norm", [source], size, size, mode="rms", extra_params=size)

    def attention(self, source: int, heads: int, kv_heads: int, size: int, bias: str) -> int:
        add, tokens, hidden = self.add, self.tokens, self.hidden
        own, kept, scores = heads * size, kv_heads * size, heads * tokens
        norm = self.norm(source)
        with_bias = bias != "none"
        queries, keys, values = (
            add("linear", [norm], hidden, out, bias=with_bias) for out in (own, kept, kept)
        )
        queries = self.rotated(queries, heads, size)
        keys = self.rotated(keys, kv_heads, size)

        def shared(source: int) -> int:
            if kv_heads == heads:
                return source
            return add("move", [source], kept, 1, mode="view", size=(scores, size))

        keys = shared(keys)
        product = add("matmul", [queries, keys], own, scores, groups=heads)
        weights = add("act", [product], scores, scores, activation="softmax")
        read = add("matmul", [weights, shared(values)], scores, own, groups=heads)
        back = add("move", [read], own, own, mode="permute", size=(tokens, 1))
        out = add("linear", [back], own, hidden, bias=bias == "all")
        return add("add", [source, out], hidden, hidden)

    def rotated(self, source: int, heads: int, size: int) -> int:
        """Rotary positions: halves of each head are exchanged, all multiplied and added up."""
        add, tokens, half = self.add, self.tokens, size // 2
        all_ = heads * size
        count, angles = tokens * all_, tokens * size
        part: dict[str, Any] = {"mode": "slice", "size": (tokens, half)}
        back = add("move", [source], all_, heads, **part)
        negative = add("elementwise", [back], heads, heads, width=half, mode="neg")
        front = add("move", [source], all_, heads, **part)
        turned = add(
            "move", [negative, front], heads, heads, width=half, mode="concat",
            size=(tokens, size), reads=count,
        )  # fmt: skip
        one = add("scale", [source], all_, all_, mode="mul", reads=count + angles)
        other = add("scale", [turned], heads, heads, width=size, mode="mul", reads=count + angles)
        return add("add", [one, other], all_, all_, reshaped=True, reads=2 * count)

    def feed_forward(self, source: int, width: int) -> int:
        add, hidden = self.add, self.hidden
        norm = self.norm(source)
        gate = add("linear", [norm], hidden, width, activation="silu")
        up = add("linear", [norm], hidden, width)
        gated = add("mul", [gate, up], width, width, reads=2 * width * self.tokens)
        down = add("linear", [gated], width, hidden)
        return add("add", [source, down], hidden, hidden)
