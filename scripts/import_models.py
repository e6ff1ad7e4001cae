#!/usr/bin/env python3
"""Write models/*.yaml: real configurations through the reader, and the tables of models that have none.

    python scripts/import_models.py            # write
    python scripts/import_models.py --check    # name the files that differ; exit 1 if there are any

A configuration is tests/configs/<name>/config.json; tests/configs/provenance.json says where it comes from, how the
model is called, and its catalogue id where that is another. The rest is in the tables below.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bitnet_cost.inputs.architecture import Architecture  # noqa: E402
from bitnet_cost.readers.huggingface import architecture_from_config  # noqa: E402
from bitnet_cost.views.model_yaml import model_yaml  # noqa: E402

CONFIGS = ROOT / "tests" / "configs"
MODELS = ROOT / "models"

GPT3 = (
    # name, layers, width, heads, width of a head
    ("125M", 12, 768, 12, 64),
    ("350M", 24, 1024, 16, 64),
    ("760M", 24, 1536, 16, 96),
    ("1.3B", 24, 2048, 16, 128),
    ("2.7B", 32, 2560, 32, 80),
    ("6.7B", 32, 4096, 32, 128),
    ("13B", 40, 5140, 40, 128),
    ("175B", 96, 12288, 96, 128),
)
GPT3_REMARKS = {
    "1.3B": "; the table prints 24 heads of 128, which do not fit a width of 2048 nor 1.3 B parameters; 16 do",
    "13B": "; the table prints a width of 5140 with 40 heads of 128",
}
BITNET_PAPER = (
    # name, width, layers, heads
    ("125M", 768, 12, 12),
    ("350M", 1024, 24, 16),
    ("760M", 1536, 24, 16),
    ("1.3B", 2048, 24, 32),
    ("2.7B", 2560, 32, 32),
    ("6.7B", 4096, 32, 32),
    ("13B", 5120, 40, 40),
    ("30B", 7168, 48, 56),
)


def gpt3() -> Iterator[dict[str, Any]]:
    """The eight sizes of GPT-3."""
    for size, layers, width, heads, head_dim in GPT3:
        attention = {"heads": heads, "qkv_bias": True, "o_bias": True}
        if heads * head_dim != width:
            attention["head_dim"] = head_dim
        yield {
            "name": f"gpt3-{size.lower()}",
            "title": f"GPT-3 {size}",
            "source": "Brown et al., Language Models are Few-Shot Learners, 2020, arXiv:2005.14165, Table 2.1",
            "seen": "second-hand",
            "note": "the alternating sparse attention of the paper is not modelled; "
            "50257 tokens and 2048 positions as in GPT-2 and section 2.1" + GPT3_REMARKS.get(size, ""),
            "hidden_size": width,
            "vocab_size": 50257,
            "max_positions": 2048,
            "norm": "layernorm",
            "rotary": False,
            "embedding": {"positions": 2048},
            "layers": [
                {
                    "repeat": layers,
                    "attention": attention,
                    "ffn": {"size": 4 * width, "activation": "gelu_tanh", "bias": True},
                }
            ],
            "lm_head": {"tied": True},
        }


def bitnet_paper() -> Iterator[dict[str, Any]]:
    """The eight sizes of the BitNet paper."""
    for size, width, layers, heads in BITNET_PAPER:
        yield {
            "name": f"bitnet-paper-{size.lower()}",
            "title": f"BitNet paper {size}",
            "source": "Wang et al., BitNet: Scaling 1-bit Transformers for Large Language Models, 2023, "
            "arXiv:2310.11453, Table 5",
            "seen": "opened",
            "note": "FFN 4 x hidden (24 of 24 full-precision cells of Table 1 fit it), no biases, 16K vocabulary; "
            "2048 learned positions after two offset rows, as in OPT, are assumed",
            "hidden_size": width,
            "vocab_size": 16000,
            "max_positions": 2048,
            "norm": "layernorm",
            "rotary": False,
            "embedding": {"positions": 2050},
            "layers": [
                {"repeat": layers, "attention": {"heads": heads}, "ffn": {"size": 4 * width, "activation": "gelu"}}
            ],
            "lm_head": {"tied": True},
        }


def bitnet_b158() -> Iterator[dict[str, Any]]:
    """BitNet b1.58 in sizes of which no configuration was published."""
    gated = {"gated": True, "sub_norm": True}
    yield {
        "name": "bitnet-b1.58-70b",
        "title": "BitNet b1.58 70B",
        "source": "Wang et al., 1-bit AI Infra: Part 1.1, 2024, arXiv:2410.16144, Appendix A "
        "(a dummy of that size; the paper prints no shape)",
        "seen": "opened",
        "note": "multi-head attention; the width of 41.2x at 70B is not published",
        "hidden_size": 8192,
        "vocab_size": 32000,
        "max_positions": 2048,
        "layers": [
            {
                "repeat": 80,
                "attention": {"heads": 64, "sub_norm": True},
                "ffn": {"size": 24576, "activation": "silu", **gated},
            }
        ],
        "lm_head": {"tied": False},
    }
    yield {
        "name": "bitnet-b1.58-3.9b",
        "title": "BitNet b1.58 3.9B",
        "source": "microsoft/BitNet, gpu/README.md, kernel benchmarks "
        "(products 3200 x 3200, 4800 x 3200, 3200 x 10240 and 20480 x 3200)",
        "seen": "memory",
        "note": "hidden size 3200, FFN 10240 and key-value width 800 follow from the kernel shapes; inferred: 32 heads "
        "of 100 as in the 3B model, the vocabulary, tying and activation of the 2B4T model, and 28 layers, which "
        "then come closest to 3.9 B",
        "hidden_size": 3200,
        "vocab_size": 128256,
        "max_positions": 4096,
        "layers": [
            {
                "repeat": 28,
                "attention": {"heads": 32, "kv_heads": 8, "sub_norm": True},
                "ffn": {"size": 10240, "activation": "relu2", **gated},
            }
        ],
        "lm_head": {"tied": True},
    }


# arXiv:2410.16144, Appendix A: hidden size, FFN width, layers, heads.
BITNET_CPP = {
    "125m": (768, 3072, 11, 12),
    "350m": (1024, 3072, 24, 16),
    "700m": (1536, 4096, 24, 16),
    "1b": (2048, 3584, 24, 32),
    "1.5b": (1536, 9216, 28, 32),
    "2.5b": (2560, 6912, 30, 20),
    "3.8b": (3840, 8192, 24, 32),
    "7b": (4096, 12032, 32, 32),
    "13b": (5120, 13824, 40, 40),
    "30b": (6656, 16384, 60, 52),
    "70b": (8192, 24576, 80, 64),
    "100b": (8192, 45568, 72, 64),
}


def bitnet_cpp() -> Iterator[dict[str, Any]]:
    """The dummies that bitnet.cpp was timed on."""
    for size, (hidden, ffn, layers, heads) in BITNET_CPP.items():
        yield {
            "name": f"bitnet.cpp-{size}",
            "title": f"bitnet.cpp dummy {size.upper()}",
            "source": "Wang et al., 1-bit AI Infra: Part 1.1, 2024, arXiv:2410.16144, Appendix A",
            "seen": "opened",
            "note": "random weights of this shape; multi-head attention, a gated FFN and 32,000 tokens are assumed",
            "hidden_size": hidden,
            "vocab_size": 32000,
            "layers": [
                {
                    "repeat": layers,
                    "attention": {"heads": heads},
                    "ffn": {"size": ffn, "gated": True, "activation": "silu"},
                }
            ],
            "lm_head": {"tied": False},
        }


def configured() -> Iterator[Architecture]:
    """The models that have a configuration. One that only emulates a table's model is left out."""
    for name, known in json.loads((CONFIGS / "provenance.json").read_text()).items():
        if known.get("catalogue", True):
            file = CONFIGS / name / "config.json"
            yield architecture_from_config(
                json.loads(file.read_text()),
                name=known.get("id", name),
                title=known["title"],
                source=known["source"],
                seen=known["seen"],
                note=known["note"],
                file=file.relative_to(ROOT),
            )


def plain(models: Iterable[Architecture]) -> Iterator[Architecture]:
    """What the project ran on an H100: the shapes of these models, without norms in the blocks and before the head."""
    for model in models:
        if model.name in ("llama-2-7b", "tinyllama-1.1b", "bitnet-b1.58-2b4t"):
            layers = []
            for layer in model.layers:
                assert layer.attention
                assert layer.ffn
                bare = {"sub_norm": False}
                parts = {
                    "attention": layer.attention.model_copy(update=bare),
                    "ffn": layer.ffn.model_copy(update=bare),
                }
                layers.append(layer.model_copy(update=parts))
            yield model.model_copy(
                update={
                    "name": f"{model.name}-plain",
                    "title": f"{model.title} (plain operators)",
                    "source": f"benchmarks/device: the operators that the project ran, with the shapes of {model.name}",
                    "seen": "own",
                    "note": "two norms a layer, none within the blocks and none before the head",
                    "layers": layers,
                    "final_norm": False,
                }
            )


# Written by hand: no configuration was at hand, or the shape is that of a benchmark of the project.
BY_HAND = ("gpt-j-6b", "llama-2-13b-plain", "llama-3-8b-plain", "mmfreelm-2.7b")


def catalogue() -> dict[str, str]:
    """Text of every model file, by file name.

    Raises:
        ValueError: one id twice.
    """
    tables = [*gpt3(), *bitnet_paper(), *bitnet_b158(), *bitnet_cpp()]
    texts: dict[str, str] = {}
    read = list(configured())
    for architecture in [*read, *plain(read), *map(Architecture.model_validate, tables)]:
        file = f"{architecture.name}.yaml"
        if file in texts:
            raise ValueError(f"the id {architecture.name!r} appears twice")
        texts[file] = model_yaml(architecture)
    return dict(sorted(texts.items()))


def main() -> int:
    """Write the catalogue, or compare with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    checking = parser.parse_args().check
    texts = catalogue()
    present = {path.name: path for path in MODELS.glob("*.yaml")}
    changed = [name for name, text in texts.items() if name not in present or present[name].read_text() != text]
    extra = sorted(present.keys() - texts.keys() - {f"{name}.yaml" for name in BY_HAND})
    for name in [*changed, *extra]:
        print(name)
    if checking:
        return 1 if changed or extra else 0
    for name in changed:
        (MODELS / name).write_text(texts[name])
    for name in extra:
        present[name].unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
