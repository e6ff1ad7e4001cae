"""What a file is that is handed in as a model and is none: named, with what to hand in instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bitnet_cost.errors import BitnetCostError, printable

Given = Mapping[str, Any]
_CONFIG = "give the config.json of the model"


def _has(*names: str) -> Callable[[Given], bool]:
    return lambda data: all(name in data for name in names)


def _adapter(data: Given) -> str:
    base, rank = data.get("base_model_name_or_path"), data.get("r")
    over = f" over {printable(base[:80])!r}" if isinstance(base, str) and base else ""
    size = f" of rank {rank}" if type(rank) is int and 0 < rank < 10**5 else ""
    wanted = "give the config.json of that model" if over else "give the config.json of the model under it"
    cost = f"; 'train --lora {rank}' has the cost of training it" if size else ""
    return f"is the configuration of an adapter{size}{over}; {wanted}{cost}"


KINDS: tuple[tuple[Callable[[Given], bool], str | Callable[[Given], str]], ...] = (
    (_has("peft_type"), _adapter),
    (_has("base_model_name_or_path", "lora_alpha"), _adapter),
    (_has("dim", "n_layers", "n_heads"), "is a params.json, in the form of Meta's and Mistral's own checkpoints; "
     "give the config.json of the model's Hugging Face form"),
    (_has("_class_name", "_diffusers_version"), "describes a diffusion model, not a language model"),
    (_has("weight_map"), "is an index of weight files; give the config.json next to it"),
    (_has("pre_tokenizer", "model"), f"is a tokenizer; {_CONFIG} that it belongs to"),
    (_has("tokenizer_class"), f"is a tokenizer's configuration; {_CONFIG} that it belongs to"),
    (_has("chat_template"), f"is a chat template; {_CONFIG}"),
    (_has("image_processor_type"), f"is the configuration of an image processor; {_CONFIG}"),
    (_has("feature_extractor_type"), f"is the configuration of a feature extractor; {_CONFIG}"),
    (_has("processor_class"), f"is the configuration of a processor; {_CONFIG}"),
    (_has("producer", "quantization"), "is ModelOpt's hf_quant_config.json; give the folder in which it is beside the "
     "config.json of the model"),
    (_has("bits", "group_size"), "is a quantisation's configuration without a model; copy it into the model's "
     "config.json as quantization_config"),
    (_has("log_history"), f"is the state of a training run; {_CONFIG}"),
    (_has("_from_model_config"), f"is a generation_config.json; {_CONFIG}"),
    (_has("bos_token", "eos_token"), f"is a table of special tokens; {_CONFIG} that it belongs to"),
    (lambda data: len(data) > 100 and all(type(value) is int for value in data.values()),
     f"is a vocabulary; {_CONFIG} that it belongs to"),
)  # fmt: skip
"""JSON files in the folders of models, by what they hold, the surest first."""


def kind_of_json(data: Given) -> str:
    """What a JSON object without a ``model_type`` is, and what to give instead; nothing where it is not known.

    >>> kind_of_json({"peft_type": "LORA", "r": 16, "base_model_name_or_path": "org/base"})
    "is the configuration of an adapter of rank 16 over 'org/base'; give the config.json of that model; 'train --lora \
16' has the cost of training it"
    """
    for holds, words in KINDS:
        if holds(data):
            return words if isinstance(words, str) else words(data)
    return ""


_MAGIC = (
    (b"GGUF", "gguf"), (b"PK\x03\x04", "is a checkpoint of PyTorch"), (b"\x80\x02", "is a checkpoint of PyTorch"),
    (b"\x89HDF", "is a checkpoint in HDF5"), (b"ggjt", "is a GGML file, which GGUF has replaced"),
    (b"tjgg", "is a GGML file, which GGUF has replaced"), (b"lmgg", "is a GGML file, which GGUF has replaced"),
)  # fmt: skip
_SUFFIXES = {
    ".bin": "is a checkpoint of PyTorch", ".pt": "is a checkpoint of PyTorch", ".pth": "is a checkpoint of PyTorch",
    ".onnx": "is an ONNX graph", ".h5": "is a checkpoint in HDF5", ".msgpack": "is a checkpoint of Flax",
    ".model": "is a tokenizer's model", ".ckpt": "is a checkpoint of PyTorch",
}  # fmt: skip


def is_gguf(path: Path) -> bool:
    """Whether a file is GGUF, by its name or, as those that Ollama keeps, by how it begins."""
    return path.name.lower().endswith(".gguf") or _begins(path) == "gguf"


def is_weights(path: Path) -> bool:
    """Whether a file holds weights behind a header that is read."""
    return path.name.lower().endswith(".safetensors") or is_gguf(path)


def refuse_weights(path: Path) -> None:
    """Refuse a file of weights whose shape is not read.

    Raises:
        BitnetCostError: it is one; the message says what it is.
    """
    found = _begins(path) or _SUFFIXES.get(path.suffix.lower(), "")
    if found:
        wanted = "give the config.json of the model, or its .gguf or .safetensors file"
        raise BitnetCostError(f"{path}: {found}; {wanted}")


def _begins(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as stream:
            first = stream.read(4)
    except (OSError, ValueError):
        return ""
    return next((words for magic, words in _MAGIC if first.startswith(magic)), "")


_INSTEAD = {
    ".gguf": "it holds {}; name that file",
    "adapter_config.json": "it holds an adapter; give the config.json of the model under it",
    "params.json": "it holds {}, of another form; give the folder of the model's Hugging Face form",
}
"""What a folder of a model may hold in the place of a config.json, by how its name ends."""


def in_folder(folder: Path) -> str:
    """What a folder without a config.json holds that says more; nothing where that is not known."""
    try:
        names = sorted(path.name for path, _ in zip(folder.iterdir(), range(1000), strict=False))
    except OSError:
        return ""
    for ending, words in _INSTEAD.items():
        found = next((name for name in names if name.endswith(ending)), "")
        if found:
            return words.format(printable(found[:100]))
    return ""
