"""A ``quantization_config``, or ModelOpt's ``hf_quant_config.json``, as the precision that a model's file is stored in.

One function a method gives its `Scheme`; which modules are left as is says `module_names`. Layouts as their tools
write them: Hugging Face transformers (utils/quantization_config.py and quantizers/), compressed-tensors
(quant_args.py), TensorRT Model Optimizer (torch/export), AutoGPTQ and AutoAWQ (qmodule packing), bitsandbytes
(nn/modules.py), HQQ (core/quantize.py), AMD Quark (torch/quantization/config). A method that is not here is named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bitnet_cost.errors import BitnetCostError, InvalidFile, printable
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Source
from bitnet_cost.inputs.precision import (
    OWN,
    TERNARY_BITS,
    Format,
    LinearPrecision,
    Precision,
    WeightStorage,
    parse_name,
)  # fmt: skip
from bitnet_cost.numerals import brief
from bitnet_cost.readers.families.fields import short
from bitnet_cost.readers.module_names import layers_by_operator, meant
from bitnet_cost.readers.safe_regex import Budget

_NAME = re.compile(r"[A-Za-z0-9_./-]{1,40}")
_DTYPES: dict[str, Format] = {
    "float16": "fp16", "half": "fp16", "bfloat16": "bf16", "float32": "fp32", "float": "fp32",
}  # fmt: skip
Given = Mapping[str, Any]


class Scheme(NamedTuple):
    """How a method stores the weights it converts, and what it leaves as they were."""

    words: str
    weights: WeightStorage
    activation_bits: float = 16
    floating: bool = False  # whether weights, and narrow activations, are floating-point numbers
    kept: tuple[str, ...] = ()  # modules that are left, as the file names them
    others: tuple[tuple[str, float], ...] = ()  # patterns of modules with other stored bits, scales included
    head: bool = False  # whether the output matrix is converted where no name excludes it
    experts_only: bool = False
    kv_bits: float = 16


class _Reader:
    """The fields of one configuration, each checked where it is read."""

    def __init__(self, data: Given, file: object, place: str) -> None:
        self.data, self.file, self.place = data, file, place

    def refuse(self, name: str, what: str) -> InvalidFile:
        return InvalidFile(self.file, f"{self.place}.{name}" if name else self.place, what)

    def whole(self, *names: str, default: int | None = None, least: int = 1, most: int = 16) -> int:
        """A whole number under the first of some names that is there."""
        name = next((name for name in names if self.data.get(name) is not None), names[0])
        found = self.data.get(name, default)
        found = default if found is None else found
        if type(found) is not int or not least <= found <= most:
            raise self.refuse(name, f"{short(found)}: expected a whole number from {least} to {most}")
        return found

    def part(self, *names: str) -> _Reader:
        """An object under the first of some names; an empty one where there is none."""
        name = next((name for name in names if self.data.get(name) is not None), names[0])
        found = self.data.get(name)
        if found is not None and not isinstance(found, dict):
            raise self.refuse(name, f"{short(found)}: expected an object")
        return _Reader(found or {}, self.file, f"{self.place}.{name}")

    def names(self, *fields: str) -> tuple[str, ...]:
        """All names in some lists."""
        found: list[str] = []
        for field in fields:
            given = self.data.get(field)
            given = [given] if isinstance(given, str) else given or []
            if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
                raise self.refuse(field, f"{short(given)}: expected a list of names")
            found += given
        return tuple(found)

    def text(self, *names: str) -> str:
        found = next((self.data[name] for name in names if self.data.get(name) is not None), "")
        return found.lower() if isinstance(found, str) else ""

    def group(self, *names: str, default: int | None = 128) -> int:
        """Weights that share a scale; 0 where a whole output channel does."""
        size = self.whole(*names, default=default, least=-1, most=10**6)
        return max(size, 0)


def _storage(bits: float, scale: float, group: int, information: float | None = None) -> WeightStorage:
    """Weights with one scale for each group, or for each output channel where there is none."""
    per: dict[str, Any] = {"scale_per": "group", "group": group} if group else {"scale_per": "channel"}
    return WeightStorage(bits=bits, information_bits=information or bits, scale_bits=scale, **per)


# --- methods ----------------------------------------------------------------------------------------------------------


def _gptq(q: _Reader) -> Scheme:
    """An FP16 scale and a zero point of the weights' bits to each group; ``dynamic`` names what is otherwise."""
    bits, group = q.whole("bits", default=4, most=8), q.group("group_size")
    kept, others = [*q.names("modules_to_not_convert", "modules_in_block_to_quantize_not")], []
    for name, given in q.part("dynamic").data.items():
        sign, pattern = (name[:2], name[2:]) if name[:2] in ("-:", "+:") else ("+:", name)
        if sign == "-:":
            kept.append(f"re:{pattern}")
        elif isinstance(given, dict):
            one = _Reader({**q.data, **given}, q.file, f"{q.place}.dynamic")
            width, size = one.whole("bits", default=4, most=16), one.group("group_size")
            others.append((f"re:{pattern}", _storage(width, 16 + width, size).bits_with_scales))
    weights = _storage(bits, 16 + bits, group)
    return Scheme(_of(bits, group), weights, kept=tuple(kept), others=tuple(others), head=q.data.get("lm_head") is True)


def _awq(q: _Reader) -> Scheme:
    bits, group = q.whole("bits", "w_bit", default=4, most=8), q.group("group_size", "q_group_size")
    return Scheme(_of(bits, group), _storage(bits, 16 + bits, group), kept=q.names("modules_to_not_convert"))


def _autoround(q: _Reader) -> Scheme:
    found = _gptq(_Reader({**q.data, "dynamic": None}, q.file, q.place))
    kept, others = list(found.kept), list(found.others)
    for name, given in q.part("extra_config").data.items():
        one = _Reader({**q.data, **(given if isinstance(given, dict) else {})}, q.file, f"{q.place}.extra_config")
        bits = one.whole("bits", default=4, most=32)
        if bits >= 16:
            kept.append(name)
        else:
            others.append((name, _storage(bits, 16 + bits, one.group("group_size")).bits_with_scales))
    return found._replace(kept=tuple(kept), others=tuple(others))


def _fp8(q: _Reader) -> Scheme:
    """One FP32 scale to a block, or to a matrix."""
    block = q.data.get("weight_block_size")
    kept = q.names("modules_to_not_convert", "ignored_layers", "ignore")
    if block is None:
        return Scheme("", WeightStorage(bits=8, information_bits=8, scale_bits=32, scale_per="tensor"), 8, True, kept)
    if not (isinstance(block, list) and len(block) == 2 and all(type(b) is int and 1 <= b <= 10**5 for b in block)):
        raise q.refuse("weight_block_size", f"{short(block)}: expected two whole numbers, such as [128, 128]")
    return Scheme(f"blocks of {block[0]} x {block[1]}", _storage(8, 32 / block[0], block[1]), 8, True, kept)


def _fbgemm(q: _Reader) -> Scheme:
    return Scheme("", _storage(8, 32, 0), 8, True, q.names("modules_to_not_convert"))


def _mxfp4(q: _Reader) -> Scheme:
    """Of gpt-oss: experts alone, an 8-bit exponent to 32 weights (OCP Microscaling Formats 1.0, section 5)."""
    return Scheme("4 bit", _storage(4, 8, 32), floating=True, kept=q.names("modules_to_not_convert"), experts_only=True)


def _bitsandbytes(q: _Reader) -> Scheme:
    """NF4 in blocks of 64 with an FP32 scale, which double quantisation stores in 8 bits and a second one for 256."""
    kept = q.names("llm_int8_skip_modules")
    if q.data.get("load_in_8bit") or q.data.get("_load_in_8bit"):
        return Scheme("INT8", _storage(8, 32, 0), 8, kept=kept)
    form = q.text("bnb_4bit_quant_type") or "fp4"
    double = q.data.get("bnb_4bit_use_double_quant") is True
    words = f"{form.upper()}{', double quantisation' if double else ''}"
    return Scheme(words, _storage(4, 8 + 32 / 256 if double else 32, 64), floating=True, kept=kept)


def _bitnet(q: _Reader) -> Scheme:
    """Ternary, four weights to a byte; with ``online`` quantisation the file holds them in 16 bits."""
    kept = q.names("modules_to_not_convert")
    online = q.text("linear_class") == "autobitlinear" and q.text("quantization_mode") == "online"
    bits = 16.0 if online else 2.0
    weights = WeightStorage(bits=bits, information_bits=TERNARY_BITS, scale_bits=16, scale_per="tensor")
    return Scheme("ternary, in 16 bits in the file" if online else "ternary", weights, 8, kept=kept)


def _hqq(q: _Reader) -> Scheme:
    """Scale and zero point of each group in FP16, or in 8 bits where they are quantised too."""
    inner = q.part("quant_config") if q.data.get("quant_config") is not None else q
    weight = inner.part("weight_quant_params")
    bits, group = weight.whole("nbits", default=4, most=8), weight.group("group_size", default=64)
    scale = sum(8 if inner.data.get(name) else 16 for name in ("scale_quant_params", "zero_quant_params"))
    return Scheme(_of(bits, group), _storage(bits, scale, group), kept=q.names("skip_modules"))


def _compressed(q: _Reader) -> Scheme:
    """The group of linear layers; groups with other targets are other bits."""
    schemes: list[tuple[tuple[str, ...], Scheme]] = []
    for name, given in q.part("config_groups").data.items():
        one = _Reader(given if isinstance(given, dict) else {}, q.file, f"{q.place}.config_groups.{name}")
        schemes.append((one.names("targets"), _compressed_group(one, q.text("format"))))
    if not schemes:
        raise q.refuse("config_groups", "is missing: it says what the weights are stored in")
    schemes.sort(key=lambda found: "Linear" not in found[0])
    targets, main = schemes[0]
    others = [(name, s.weights.bits_with_scales) for names, s in schemes[1:] for name in names]
    kept = q.names("ignore")
    if "Linear" not in targets:  # what no target names is left as it was
        others = [*((name, main.weights.bits_with_scales) for name in targets), *others]
        kept = ("re:.*", *kept)
    return main._replace(kept=kept, others=tuple(others), head=True, kv_bits=_kv_bits(q))


def _compressed_group(one: _Reader, form: str) -> Scheme:
    weights, inputs = one.part("weights"), one.part("input_activations")
    bits = weights.whole("num_bits", default=16, most=16)
    floating = weights.text("type") == "float"
    entering = inputs.whole("num_bits", default=16, most=16) if inputs.data else 16
    size = weights.data.get("group_size")
    strategy = weights.text("strategy") or ("group" if size else "tensor")
    if strategy == "block":
        block = weights.data.get("block_structure") or [128, 128]
        found = _fp8(_Reader({"weight_block_size": block}, one.file, weights.place))
        return found._replace(activation_bits=entering)
    if strategy == "tensor":
        stored = WeightStorage(bits=bits, information_bits=bits, scale_bits=16, scale_per="tensor")
        return Scheme(_of(bits, 0, floating), stored, entering, floating)
    group = weights.group("group_size", default=128) if strategy in ("group", "tensor_group") else 0
    narrow = floating and bits == 4  # NVFP4 and MXFP4: scales of 8 bits
    zero = 0 if weights.data.get("symmetric", True) else bits
    scale = 8 if narrow else 16 + zero
    name = {16: "NVFP4", 32: "MXFP4"}.get(group, "FP4") if narrow else ""
    return Scheme(name or _of(bits, group, floating), _storage(bits, scale, group), entering, floating)


_ALGORITHMS: dict[str, tuple[float, float, int, bool, float]] = {  # bits, scale, group, floating, activation
    "FP8": (8, 0, 0, True, 8), "FP8_PER_CHANNEL_PER_TOKEN": (8, 32, 0, True, 8),
    "FP8_PB_WO": (8, 32 / 128, 128, True, 16), "FP8_BLOCK_SCALES": (8, 32 / 128, 128, True, 8),
    "NVFP4": (4, 8, 16, True, 4), "NVFP4_AWQ": (4, 8, 16, True, 4), "W4A16_NVFP4": (4, 8, 16, True, 16),
    "MXFP4": (4, 8, 32, True, 16), "MXFP8": (8, 8, 32, True, 8), "W4A8_MXFP4_FP8": (4, 8, 32, True, 8),
    "W4A16_AWQ": (4, 16, 128, False, 16), "W4A8_AWQ": (4, 16, 128, False, 8), "INT4_AWQ": (4, 16, 128, False, 16),
    "W4A16": (4, 16, 128, False, 16), "W8A16": (8, 16, 0, False, 16), "W8A8_SQ": (8, 16, 0, False, 8),
    "W8A8_SQ_PER_CHANNEL": (8, 16, 0, False, 8), "INT8_SQ": (8, 16, 0, False, 8),
}  # fmt: skip
"""ModelOpt's names of algorithms (modelopt/torch/export/model_config.py). FP8 has one FP32 scale to a matrix."""


def _algorithm(q: _Reader, name: str, size: int) -> Scheme:
    known = _ALGORITHMS.get(name.upper())
    if known is None:
        raise q.refuse("quant_algo", f"{short(name)} is not known; known: {', '.join(_ALGORITHMS)}, MIXED_PRECISION")
    bits, scale, group, floating, entering = known
    if name.upper() == "FP8":
        stored = WeightStorage(bits=8, information_bits=8, scale_bits=32, scale_per="tensor")
    else:
        stored = _storage(bits, scale, size or group if group else 0)
    return Scheme(name.upper(), stored, entering, floating)


def _modelopt(q: _Reader) -> Scheme:
    """ModelOpt: in the configuration, or as ``hf_quant_config.json`` has it under ``quantization``."""
    inner = q.part("quantization") if q.data.get("quantization") is not None else q
    kept = inner.names("exclude_modules", "ignore")
    name = inner.text("quant_algo") or q.text("quant_method").removeprefix("modelopt").strip("_")
    layers = inner.part("quantized_layers")
    if name == "mixed_precision" and layers.data:
        found: dict[str, list[str]] = {}
        for module, given in layers.data.items():
            one = _Reader(given if isinstance(given, dict) else {}, q.file, layers.place)
            found.setdefault(one.text("quant_algo"), []).append(module)
        left = found.pop("unquantized", [])
        main = max(found, key=lambda algorithm: len(found[algorithm]), default="")
        scheme = _algorithm(inner, main, 0)
        others = [
            (module, _algorithm(inner, algorithm, 0).weights.bits_with_scales)
            for algorithm, modules in found.items()
            for module in modules
        ]
        words = " and ".join(sorted(algorithm.upper() for algorithm in found))
        kept = ("re:.*", *left)
        return scheme._replace(words=words, kept=kept, others=tuple(others), kv_bits=_kv_bits(inner))
    if name in ("", "mixed_precision") and q.data.get("config_groups"):
        return _compressed(q)
    size = inner.whole("group_size", default=0, least=0, most=10**6)
    return _algorithm(inner, name, size)._replace(kept=kept, head=True, kv_bits=_kv_bits(inner))


_QUARK = {
    "int4": (4, False), "uint4": (4, False), "int8": (8, False), "uint8": (8, False), "int2": (2, False),
    "int3": (3, False), "fp8_e4m3": (8, True), "fp8_e5m2": (8, True), "fp4": (4, True), "fp4_e2m1": (4, True),
    "fp6_e2m3": (6, True),
    "fp6_e3m2": (6, True), "mx": (4, True),
}  # fmt: skip


def _quark_weights(tensor: _Reader) -> tuple[WeightStorage, bool] | None:
    kind = tensor.text("dtype")
    if not kind:
        return None
    if kind not in _QUARK:
        raise tensor.refuse("dtype", f"{short(kind)} is not known; known: {', '.join(_QUARK)}")
    bits, floating = _QUARK[kind]
    scheme = tensor.text("qscheme")
    if scheme == "per_tensor":
        return WeightStorage(bits=bits, information_bits=bits, scale_bits=32, scale_per="tensor"), floating
    group = tensor.group("group_size", default=32 if floating else 128) if scheme == "per_group" else 0
    shared = floating and bits < 8  # MX formats: an 8-bit exponent
    zero = 0 if floating or tensor.data.get("symmetric", True) else bits
    return _storage(bits, 8 if shared else 16 + zero, group), floating


def _quark(q: _Reader) -> Scheme:
    """The layers' own configurations over one for all; without one for all the rest is left as it was."""
    whole = q.part("global_quant_config")
    found = _quark_weights(_last_stage(whole))
    entering = _quark_weights(whole.part("input_tensors"))
    others: list[tuple[str, WeightStorage, bool]] = []
    kept = list(q.names("exclude"))
    for name, given in q.part("layer_quant_config").data.items():
        one = _Reader(given if isinstance(given, dict) else {}, q.file, f"{q.place}.layer_quant_config")
        own = _quark_weights(_last_stage(one))
        if own is None:
            kept.append(name)
        else:
            others.append((name, *own))
    if found is None:
        if not others:
            raise q.refuse("global_quant_config.weight", "is missing: it says what the weights are stored in")
        found, kept = others[0][1:], ["re:.*", *kept]
    weights, floating = found
    cache = next(iter(q.part("kv_cache_quant_config").data.values()), None)
    one = _Reader(cache if isinstance(cache, dict) else {}, q.file, f"{q.place}.kv_cache_quant_config")
    held = _quark_weights(one.part("output_tensors"))
    return Scheme(
        _of(weights.bits, weights.group, floating), weights, entering[0].bits if entering else 16, floating,
        tuple(kept), tuple((name, own.bits_with_scales) for name, own, _ in others), head=True,
        kv_bits=held[0].bits if held else 16,
    )  # fmt: skip


def _last_stage(holder: _Reader) -> _Reader:
    """The specification of weights; of weights that are quantised twice the second, which is what is stored."""
    given = holder.data.get("weight")
    if isinstance(given, list) and given:
        return _Reader({"weight": given[-1]}, holder.file, holder.place).part("weight")
    return holder.part("weight")


def _eetq(q: _Reader) -> Scheme:
    return Scheme("INT8", _storage(8, 16, 0), kept=q.names("modules_to_not_convert"))


def _quanto(q: _Reader) -> Scheme:
    form = q.text("weights") or "int8"
    bits = {"int8": 8, "int4": 4, "int2": 2, "float8": 8}.get(form)
    if bits is None:
        raise q.refuse("weights", f"{short(form)} is not known; known: float8, int8, int4, int2")
    stored = _storage(bits, 16, 0) if bits == 8 else _storage(bits, 16 + 8, 128)
    return Scheme(form.upper(), stored, floating=form == "float8", kept=q.names("modules_to_not_convert"))


def _torchao(q: _Reader) -> Scheme:
    """The types that have a name; the newer objects with ``_type`` say the same."""
    given = q.data.get("quant_type")
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", str(given)).lower() if isinstance(given, str) else printable(str(given))
    width = re.search(r"(int|float|uint)(\d)", name.lower())
    if width is None:
        raise q.refuse("quant_type", f"{short(given)} is not known; known: int4_weight_only, int8_weight_only, ...")
    bits = int(width[2])
    entering = 8 if "dynamic" in name.lower() else 16
    size = re.search(r"group_size\D{1,6}(\d{1,5})", name)
    stored = _storage(bits, 32, int(size[1]) if size else 128) if bits < 8 else _storage(bits, 16, 0)
    kept = q.names("modules_to_not_convert")
    return Scheme(f"{width[1].upper()}{bits}", stored, entering, width[1] == "float", kept)


METHODS: dict[str, Callable[[_Reader], Scheme]] = {
    "gptq": _gptq, "gptqmodel": _gptq, "gptq_marlin": _gptq, "awq": _awq, "auto-round": _autoround,
    "autoround": _autoround, "intel/auto-round": _autoround, "fp8": _fp8, "fbgemm_fp8": _fbgemm, "mxfp4": _mxfp4,
    "bitsandbytes": _bitsandbytes, "bitnet": _bitnet, "hqq": _hqq, "compressed-tensors": _compressed,
    "modelopt": _modelopt, "modelopt_fp4": _modelopt, "modelopt_fp8": _modelopt, "modelopt_mixed": _modelopt,
    "quark": _quark, "eetq": _eetq, "quanto": _quanto, "torchao": _torchao,
}  # fmt: skip
"""Methods by the ``quant_method`` that names them."""

_TITLES = {"bitnet": "BitNet", "compressed-tensors": "compressed-tensors", "bitsandbytes": "bitsandbytes",
           "auto-round": "AutoRound", "modelopt": "ModelOpt", "quark": "Quark", "torchao": "torchao",
           "quanto": "quanto"}  # fmt: skip


def _of(bits: float, group: int, floating: bool = False) -> str:
    kind = f"FP{brief(bits)}" if floating else f"{brief(bits)} bit"
    return f"{kind}, groups of {group}" if group else kind


def _kv_bits(q: _Reader) -> float:
    """Bits of an entry of the KV cache, where the configuration says that it is quantised."""
    scheme = q.data.get("kv_cache_scheme")
    if isinstance(scheme, dict):
        return float(q.part("kv_cache_scheme").whole("num_bits", default=8))
    named = q.text("kv_cache_quant_algo", "kv_cache_scheme")
    return {"fp8": 8.0, "int8": 8.0, "nvfp4": 4.5}.get(named, 16.0)


# --- the precision ----------------------------------------------------------------------------------------------------


def method_of(given: object) -> str:
    """The method that a configuration names, in small letters; nothing where it names none.

    Raises nothing: what is not known is named by the answer.
    """
    if not isinstance(given, dict):
        return ""
    method = given.get("quant_method")
    if method is None and ("quantization" in given or "quant_algo" in given):
        return "modelopt"
    if method is None and any(given.get(name) is True for name in ("load_in_4bit", "load_in_8bit")):
        return "bitsandbytes"
    return method.lower() if isinstance(method, str) and _NAME.fullmatch(method) else ""


def stored_precision(given: Given, config: Given, architecture: Architecture, file: object) -> tuple[str, Precision]:
    """What a model's file is stored in: in words, and as a precision.

    >>> from bitnet_cost.inputs.architecture import Architecture
    >>> tiny = Architecture.model_validate(dict(name="tiny", source="doctest", seen="own", hidden_size=64,
    ...     vocab_size=10, layers=[dict(repeat=1, attention=dict(heads=2), ffn=dict(size=32, activation="gelu"))]))
    >>> words, stored = stored_precision({"quant_method": "gptq", "bits": 4, "group_size": 32}, {}, tiny, "<config>")
    >>> words, stored.linear.weights.bits, stored.linear.weights.scale_bits, stored.linear.weights.group
    ('GPTQ, 4 bit, groups of 32', 4.0, 20.0, 32)

    Raises:
        InvalidFile: an unknown method, a field that is not what it should be, a name that cannot be read.
    """
    place = "quantization_config"
    method = method_of(given)
    if method not in METHODS:
        what = f"{short(given.get('quant_method'))} is not known; known: {', '.join(METHODS)}"
        raise InvalidFile(file, f"{place}.quant_method", what)
    scheme = METHODS[method](_Reader(given, file, place))
    if config.get("expert_dtype") == "fp4":  # DeepSeek-V4: routed experts in MXFP4 beside FP8
        experts = (("experts", 4 + 8 / 32),)
        scheme = scheme._replace(words=f"{scheme.words}, experts FP4".lstrip(", "), others=(*scheme.others, *experts))
    title = _TITLES.get(method, method.upper() if len(method) <= 5 else method)
    words = f"{title}, {scheme.words}" if scheme.words else title
    try:
        return words, _precision(scheme, words, _dtype(config), architecture, place)
    except BitnetCostError as fault:
        if isinstance(fault, InvalidFile):
            raise
        raise InvalidFile(file, place, str(fault)) from None


def _dtype(config: Given) -> Format:
    named = config.get("dtype") or config.get("torch_dtype")
    return _DTYPES.get(named.removeprefix("torch."), "bf16") if isinstance(named, str) else "bf16"


def _precision(scheme: Scheme, words: str, plain: Format, architecture: Architecture, place: str) -> Precision:
    budget = Budget()
    left = meant(scheme.kept, architecture, budget)
    kept = dict(left.layers)
    if scheme.experts_only:
        kept |= {name: 1.0 for name in layers_by_operator(architecture) if not name.startswith("expert_")}
    tensors: dict[str, float] = {}
    output = architecture.lm_head
    head = scheme.head and not left.head and output is not None and not output.tied
    head_bits = scheme.weights.bits_with_scales if head else None
    for bits in dict.fromkeys(bits for _, bits in scheme.others):
        found = meant([name for name, own in scheme.others if own == bits], architecture, budget)
        for name, share in found.layers.items():
            # of what another name means too, that part has these bits
            before = tensors.get(name, scheme.weights.bits_with_scales if name not in kept else _bits(plain))
            tensors[name] = share * bits + (1 - share) * before
            if share > kept.get(name, 1.0) / 2:
                kept.pop(name, None)
        if found.head:
            head_bits = bits
    kept = {name: share for name, share in kept.items() if name not in tensors}
    return Precision(
        name=OWN,
        title=f"as its file stores it: {words}",
        note="read from the quantization_config; embedding, norms and routers as they were",
        source="file",
        sources={
            "file": Source(
                author=architecture.source, title=architecture.name, year=2026, where=place, seen=architecture.seen
            )
        },
        linear=_linear(scheme, plain),
        attention=plain if plain != "fp32" else "fp16",
        elsewhere=plain,
        embedding=plain,
        lm_head=plain,
        lm_head_bits=head_bits,
        kv_bits=scheme.kv_bits,
        kept=kept,
        tensors=tensors,
    )


def _bits(plain: Format) -> float:
    return 32.0 if plain == "fp32" else 16.0


def _linear(scheme: Scheme, plain: Format) -> LinearPrecision:
    """The arithmetic of weights as a scheme stores them: in the format of narrow activations, else dequantised."""
    entering, weights = scheme.activation_bits, scheme.weights
    if scheme.floating and weights.bits == 8 and entering == 8:
        recipe, rescale, accumulator = {"mul.fp8": 1.0, "add.fp32": 1.0}, "elementwise", None
    elif not scheme.floating and entering <= 8:
        usual = parse_name(f"w{brief(min(weights.information_bits, 16))}a{brief(entering)}")
        if usual is None or math.isclose(weights.information_bits, TERNARY_BITS):
            usual = parse_name(f"w1.58a{brief(entering)}")
        assert usual is not None
        recipe, rescale, accumulator = usual.linear.recipe, usual.linear.rescale, usual.linear.accumulator
    else:  # four bits multiply in the format of the rest: no profile has a rate or a price for FP4
        recipe, rescale, accumulator = {f"mul.{plain}": 1.0, f"add.{plain}": 1.0}, "weights", None
        entering = max(entering, 16.0)
    return LinearPrecision(
        weights=weights,
        activation_bits=entering,
        recipe=recipe,
        accumulator=accumulator,
        rescale=rescale,  # type: ignore[arg-type]
    )
