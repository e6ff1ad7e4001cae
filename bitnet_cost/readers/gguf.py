"""The header of a GGUF file: its shape, and the tensors it lists. The weights behind it are never read.

ggml-org/ggml, docs/gguf.md. Every count and length is held to what files have before anything of that size is made.
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from bitnet_cost.errors import BitnetCostError, InvalidFile, nearest, printable
from bitnet_cost.inputs.architecture import Architecture, Checkpoint, qualified_name
from bitnet_cost.inputs.gguf import NUMBERS
from bitnet_cost.inputs.precision import OWN
from bitnet_cost.readers.stored import Listed, bytes_of, dominant, file_precision
from bitnet_cost.readers.yaml_file import regular_size

MAGIC = b"GGUF"
HEADER, KEYS, TENSORS, STRINGS = 128 * 2**20, 10_000, 50_000, 2_000_000  # bytes; and at most that many of each
KEPT = 4096  # entries of an array, or bytes of a text, that are kept; longer ones are stepped over
SHARDS = 1_000

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9


class Header(NamedTuple):
    """What a GGUF file says of itself."""

    fields: dict[str, Any]  # an array that is too long to keep is its length
    tensors: list[Listed]
    shapes: dict[str, tuple[int, ...]]


class _Cursor:
    """Reads forwards through a header, and never beyond it."""

    def __init__(self, data: mmap.mmap, file: Path) -> None:
        self.data, self.file, self.place, self.strings = data, file, 4, 0
        self.end = min(len(data), HEADER)

    def refuse(self, what: str) -> NoReturn:
        raise InvalidFile(self.file, "", f"is a GGUF file whose header {what}")

    def skip(self, size: int) -> int:
        before = self.place
        if size < 0 or size > self.end - before:
            self.refuse("ends too early, or is longer than any model's")
        self.place = before + size
        return before

    def number(self, form: str) -> Any:
        layout = "<" + form
        return struct.unpack_from(layout, self.data, self.skip(struct.calcsize(layout)))[0]

    def text(self) -> str:
        size = self.number("Q")
        start = self.skip(size)
        self.strings += 1
        if self.strings > STRINGS:
            self.refuse(f"holds more than {STRINGS} texts")
        return self.data[start : start + min(size, KEPT)].decode("utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self.number(_SCALARS[kind])
        if kind == _TEXT:
            return self.text()
        if kind != _ARRAY:
            self.refuse(f"has a value of type {kind}, which is none")
        inner, count = self.number("I"), self.number("Q")
        if inner in _SCALARS:
            layout = f"<{min(count, KEPT)}{_SCALARS[inner]}"
            start = self.skip(count * struct.calcsize("<" + _SCALARS[inner]))
            return list(struct.unpack_from(layout, self.data, start)) if count <= KEPT else count
        if inner != _TEXT:
            self.refuse(f"has an array of values of type {inner}")
        if count > STRINGS - self.strings:
            self.refuse(f"holds more than {STRINGS} texts")
        place, length, end = self.place, struct.Struct("<Q").unpack_from, self.end - 8
        for _ in range(count):  # stepped over: only how many there are is asked
            if place > end:
                self.skip(self.end)
            place += 8 + length(self.data, place)[0]
        self.skip(place - self.place)
        self.strings += count
        return count


def read_header(file: Path) -> Header:
    """What the header of a GGUF file says.

    Raises:
        BitnetCostError: no such file, not GGUF, or a header that no file of a model has.
    """
    regular_size(file)
    try:
        with open(file, "rb") as stream:
            if stream.read(4) != MAGIC:
                raise InvalidFile(file, "", "is not a GGUF file: it does not begin with GGUF")
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _header(_Cursor(data, file))
    except (OSError, ValueError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "cannot be read"
        raise BitnetCostError(f"{printable(str(file))}: {reason or 'cannot be read'}") from None


def _header(cursor: _Cursor) -> Header:
    version = cursor.number("I")
    if version not in (2, 3):
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in (2, 3)
        cursor.refuse("is big-endian" if swapped else f"is of version {version}; 2 and 3 are read")
    listed, keys = cursor.number("Q"), cursor.number("Q")
    for count, most, what in ((listed, TENSORS, "tensors"), (keys, KEYS, "keys")):
        if count > most:
            cursor.refuse(f"has {count} {what}; no model has more than {most}")
    fields: dict[str, Any] = {}
    for _ in range(keys):
        name = cursor.text()
        fields[name] = cursor.value(cursor.number("I"))
    tensors: list[Listed] = []
    shapes: dict[str, tuple[int, ...]] = {}
    for _ in range(listed):
        name, dimensions = cursor.text(), cursor.number("I")
        if not 0 <= dimensions <= 4 or name in shapes:
            cursor.refuse(f"lists {name[:60]!r} twice or with {dimensions} dimensions")
        shape = tuple(cursor.number("Q") for _ in range(dimensions))
        kind, _ = cursor.number("I"), cursor.number("Q")
        entries = math.prod(shape)
        if entries > 10**13 or kind not in NUMBERS:
            what = f"of type {kind}, which is not known" if kind not in NUMBERS else "larger than any model"
            cursor.refuse(f"lists {name[:60]!r} {what}")
        shapes[name] = shape
        tensors.append(Listed(name, NUMBERS[kind], entries, bytes_of(NUMBERS[kind], entries)))
    return Header(fields, tensors, shapes)


# --- the model --------------------------------------------------------------------------------------------------------

_FAMILIES = {
    "qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe", "gemma3": "gemma3_text", "phi2": "phi", "gptneox": "gpt_neox",
    "command-r": "cohere", "gpt-oss": "gpt_oss", "bitnet-b1.58": "bitnet", "starcoder": "gpt_bigcode",
    "llama4": "llama4_text", "deepseek": "deepseek_v2", "granitemoe": "granitemoe", "qwen3next": "qwen3_next",
    "falcon-h1": "falcon_h1", "nemotron_h_moe": "nemotron_h", "glm4moe": "glm4_moe", "ernie4_5-moe": "ernie4_5_moe",
    "hunyuan-moe": "hunyuan_v1_moe", "hunyuan-dense": "hunyuan_v1_dense", "minimax-m2": "minimax_m2",
    "kimi-linear": "kimi_linear", "granitehybrid": "granitemoehybrid",
}  # fmt: skip
"""Families by the ``general.architecture`` that llama.cpp gives them, where it is not their ``model_type``."""

_OPERATORS = {
    "token_embd": "embed_tokens", "position_embd": "embed_positions", "token_types": "embed_token_type",
    "output": "lm_head", "output_norm": "final_norm", "token_embd_norm": "embedding_norm", "attn_q": "q", "attn_k": "k",
    "attn_v": "v", "attn_qkv": "q+k+v", "attn_output": "o", "attn_q_a": "q_a", "attn_q_b": "q_b",
    "attn_kv_a_mqa": "kv_a", "attn_kv_b": "kv_b", "attn_k_b": "kv_b", "attn_v_b": "kv_b", "attn_q_a_norm": "q_norm",
    "attn_kv_a_norm": "kv_norm", "attn_q_norm": "qk_norm", "attn_k_norm": "qk_norm", "attn_norm": "norm",
    "attn_norm_2": "norm", "ffn_norm": "norm", "post_attention_norm": "norm", "post_ffw_norm": "norm",
    "attn_post_norm": "norm", "ffn_post_norm": "norm", "attn_sub_norm": "attn_sub_norm", "ffn_sub_norm": "ffn_sub_norm",
    "attn_sinks": "attn_sinks", "ffn_gate": "gate", "ffn_up": "up", "ffn_down": "down", "ffn_gate_exps": "expert_gate",
    "ffn_up_exps": "expert_up", "ffn_down_exps": "expert_down", "ffn_gate_inp": "router", "exp_probs_b": "router.bias",
    "ffn_gate_shexp": "shared_expert_gate", "ffn_up_shexp": "shared_expert_up", "ffn_down_shexp": "shared_expert_down",
    "ffn_gate_inp_shexp": "shared_expert_router", "ssm_in": "ssm_in_proj", "ssm_conv1d": "ssm_conv1d",
    "ssm_x": "ssm_x_proj", "ssm_dt": "ssm_dt_proj", "ssm_a": "ssm_A_log", "ssm_d": "ssm_D", "ssm_norm": "ssm_norm",
    "ssm_out": "ssm_out_proj",
}  # fmt: skip
"""Operators by the name of their tensor (gguf-py, gguf/constants.py, TENSOR_NAMES)."""

_NAME = re.compile(r"(?:blk\.\d{1,6}\.)?([a-z0-9_]+)(?:\.(weight|bias))?")


def operators_of(name: str) -> str:
    """The operators that a GGUF tensor belongs to; nothing where the model counts none for it.

    >>> operators_of("blk.3.ffn_down.weight"), operators_of("blk.0.attn_qkv.bias"), operators_of("rope_freqs.weight")
    ('down', 'q+k+v.bias', '')
    """
    match = _NAME.fullmatch(name)
    found = _OPERATORS.get(match[1], "") if match else ""
    return f"{found}.bias" if found and match and match[2] == "bias" and not found.endswith(".bias") else found


def read_gguf(file: Path) -> Architecture:
    """A model from the header of its GGUF file, or of its first part; the others must be next to it.

    Raises:
        BitnetCostError: see `read_header`; an architecture that is not known, or that the tensors contradict.
    """
    header = read_header(file)
    tensors = [*header.tensors, *_of_other_shards(file, header)]
    from bitnet_cost.readers.huggingface import FAMILIES, architecture_from_config

    kind = header.fields.get("general.architecture")
    if not isinstance(kind, str):
        raise InvalidFile(file, "", "is a GGUF file without general.architecture: it holds no model of its own")
    config = _configuration(kind, header, {tensor.name: tensor for tensor in tensors})
    if config["model_type"] not in FAMILIES:
        close = nearest(config["model_type"][:60], FAMILIES)
        hint = f"; did you mean {close!r}?" if close else ""
        raise InvalidFile(file, "general.architecture", f"is a GGUF file of {kind[:60]!r}, which is not known{hint}")
    label = header.fields.get("general.name")
    name = qualified_name(file.name[: -len(".gguf")])
    title = printable(label[:80]) if isinstance(label, str) else ""
    found = architecture_from_config(config, name=name, source=printable(file.name), file=file, title=title)
    words = f"GGUF, mostly {dominant(tensors).upper()}"
    stored = file_precision(tensors, _spelt(found), words, printable(file.name))
    return found.model_copy(update={"checkpoint": Checkpoint(weights=words, precision=OWN, stored=stored)})


def _spelt(model: Architecture) -> Any:
    """`operators_of`, where queries and keys with norms of the whole width have an operator each."""
    wide = any(layer.attention and layer.attention.qk_norm == "width" for layer in model.layers)

    def found(name: str) -> str:
        operators = operators_of(name)
        if wide and operators == "qk_norm":
            return "q_norm" if ".attn_q_norm." in name else "k_norm"
        return operators

    return found


def _of_other_shards(file: Path, header: Header) -> list[Listed]:
    parts = header.fields.get("split.count", 1)
    if type(parts) is not int or parts <= 1:
        return []
    match = re.fullmatch(r"(.+)-(\d{5})-of-(\d{5})\.gguf", file.name)
    if not match or int(match[3]) != parts or int(match[2]) != 1 or parts > SHARDS:
        raise InvalidFile(file, "", f"is a GGUF file in {parts} parts; give the first, ...-00001-of-{parts:05}.gguf")
    found: list[Listed] = []
    for number in range(2, parts + 1):
        beside = file.parent / f"{match[1]}-{number:05}-of-{parts:05}.gguf"
        if not beside.is_file():
            raise InvalidFile(file, "", f"is a GGUF file in {parts} parts, and {beside.name} is not beside it")
        found += read_header(beside).tensors
    return found


def _latent_heads(of: Callable[[str], Any]) -> dict[str, Any]:
    """The same of latent attention's heads, from the fields of the architecture."""
    head, turned = of("attention.key_length_mla") or of("attention.key_length"), of("rope.dimension_count")
    rope = turned if type(turned) is int else 64
    return {
        "qk_nope_head_dim": head - rope if type(head) is int else None, "qk_rope_head_dim": rope,
        "v_head_dim": of("attention.value_length_mla") or of("attention.value_length"),
        "q_lora_rank": of("attention.q_lora_rank") or None,
    }  # fmt: skip


def _configuration(kind: str, header: Header, tensors: Mapping[str, Listed]) -> dict[str, Any]:
    """The fields of a ``config.json`` that the header of a GGUF file stands for."""
    fields = header.fields

    def of(name: str) -> Any:
        """A field of the architecture; of a list with one number for each layer, the one that layers have."""
        value = fields.get(f"{kind}.{name}")
        if isinstance(value, list):
            several = {number for number in value if number}
            value = several.pop() if len(several) == 1 else value
        return value

    table = header.shapes.get("token_embd.weight", ())
    layer = {name.split(".", 2)[2] for name in tensors if name.startswith("blk.") and name.count(".") >= 2}
    heads, width, latent = of("attention.head_count"), of("embedding_length"), of("attention.kv_lora_rank")
    size = of("expert_feed_forward_length") or of("feed_forward_length")
    turned = of("rope.dimension_count")
    mixed = kind == "llama" and of("expert_count")
    model_type = "mixtral" if mixed else _FAMILIES.get(kind, kind.replace("-", "_"))
    if kind == "deepseek2":
        model_type = "deepseek_v3" if "exp_probs_b.bias" in layer else "deepseek_v2"
    config: dict[str, Any] = {
        "model_type": model_type, "hidden_size": width, "n_embd": width, "num_hidden_layers": of("block_count"),
        "n_layer": of("block_count"), "num_attention_heads": heads, "n_head": heads,
        "num_key_value_heads": None if latent else of("attention.head_count_kv"),
        "head_dim": None if latent else of("attention.key_length"), "max_position_embeddings": of("context_length"),
        "intermediate_size": of("feed_forward_length"), "n_inner": of("feed_forward_length"),
        "vocab_size": table[1] if len(table) == 2 else of("vocab_size"),
        "n_positions": of("context_length"), "tie_word_embeddings": "output.weight" not in tensors,
        "sliding_window": of("attention.sliding_window"),
        "attention_bias": bool(layer & {"attn_q.bias", "attn_qkv.bias"}),
        "num_experts": of("expert_count"), "num_local_experts": of("expert_count"),
        "n_routed_experts": of("expert_count"), "num_experts_per_tok": of("expert_used_count"),
        "moe_intermediate_size": size, "n_shared_experts": of("expert_shared_count"),
        "shared_expert_intermediate_size": of("expert_shared_feed_forward_length"),
        "first_k_dense_replace": of("leading_dense_block_count"), "q_lora_rank": of("attention.q_lora_rank"),
        "kv_lora_rank": latent, "state_size": of("ssm.state_size"), "conv_kernel": of("ssm.conv_kernel"),
        "time_step_rank": of("ssm.time_step_rank"), "use_qk_norm": "attn_q_norm.weight" in layer,
    }  # fmt: skip
    if latent:
        config |= _latent_heads(of)
    if mixed:
        config |= {"intermediate_size": size}
    if of("ssm.inner_size") and not of("feed_forward_length"):
        config |= {"intermediate_size": of("ssm.inner_size")}
    if kind == "falcon":
        two = "attn_norm_2.weight" in layer
        config |= {
            "num_kv_heads": of("attention.head_count_kv"),
            "new_decoder_architecture": two,
            "multi_query": not two,
        }
    if kind in ("phi2", "gptneox", "stablelm") and type(turned) is int and heads and width:
        config["partial_rotary_factor"] = config["rotary_pct"] = turned / (width / heads)
    return {name: value for name, value in config.items() if value is not None or (latent and name == "q_lora_rank")}
