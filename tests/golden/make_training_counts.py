#!/usr/bin/env python3
# ruff: noqa
# mypy: ignore-errors
"""Measure forward and backward passes as make_counts.py measures forward passes.

    python make_training_counts.py ../configs --only 'gpt2|bert-base' --out training_counts.json

One training step of the reference class on the meta device, every parameter trained: `FlopCounterMode` over the forward
pass, then over ``backward()`` of the sum of the logits. A product of the backward pass is told by the module that it is
of; attention's two products by the order in which they are reached. A cross entropy has no products, so that any scalar
of the logits does.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

import make_counts
import make_more_counts
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode
from transformers import masking_utils

masking_utils.find_packed_sequence_indices = lambda *_, **__: None  # it reads values, which meta tensors have none of

RANK = 16
APART = ("llama", "mistral", "qwen2", "bitnet")  # whose layers have a product for each of q, k, v, gate and up
RUNS = {"train_b1_s512": (1, 512), "train_b4_s128": (4, 128)}


def by_role(events, cfg):
    """MACs by role; a MAC is two FLOP."""
    found, _ = make_counts.roles_of_events(events, cfg)
    assert all(flop % 2 == 0 for flop in found.values())
    return {role: flop // 2 for role, flop in found.items()}


class NodeCounter(make_counts.DetailedFlopCounter):
    """Also the number of the autograd node of each event: of the one that an operator makes, or that runs backward."""

    def __init__(self):
        super().__init__()
        self.nodes = []

    def _count_flops(self, *called):
        before = len(self.events)
        result = super()._count_flops(*called)
        if len(self.events) > before:
            node = torch._C._current_autograd_node()
            self.nodes.append(torch._C._autograd._get_sequence_nr() - 1 if node is None else node._sequence_nr())
        return result


def measure(config, batch, seq):
    """One step: MACs of the forward pass by role and operator, of the backward pass by operator."""
    model, cfg = make_counts.build(make_more_counts.language_model(config))
    ids = torch.zeros((batch, seq), dtype=torch.long, device="meta")
    ahead, behind = NodeCounter(), NodeCounter()
    with ahead:
        out, _ = make_counts.forward(model, ids)
    with behind:
        out.logits.sum().backward()
    gradients = Counter()
    for node, (_, _, flop, _) in zip(behind.nodes, behind.events, strict=True):
        gradients[node] += flop
    assert set(gradients) == set(ahead.nodes) and len(set(ahead.nodes)) == len(ahead.nodes)
    back = [(path, op, gradients[node], shapes) for node, (path, op, _, shapes) in zip(ahead.nodes, ahead.events)]
    assert all(p.grad is not None for p in model.parameters()), "a parameter without a gradient"
    return {"forward": by_role(ahead.events, cfg), "backward": by_role(back, cfg)}


def recomputed(config, batch, seq):
    """MACs of a backward pass in which every layer runs forward again, whole: what the pass keeps is its input."""
    model, cfg = make_counts.build(make_more_counts.language_model(config))
    model.gradient_checkpointing_enable({"use_reentrant": True})
    model.train()  # layers are checkpointed in this mode alone
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    ids = torch.zeros((batch, seq), dtype=torch.long, device="meta")
    out = model(input_ids=ids) if cfg.model_type == "bert" else model(input_ids=ids, use_cache=False)
    with FlopCounterMode(display=False) as counter:
        out.logits.sum().backward()
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


class Adapted(torch.nn.Module):
    """A product with an adapter beside it."""

    def __init__(self, base, rank):
        super().__init__()
        self.base = base
        self.down = torch.nn.Linear(base.in_features, rank, bias=False, device="meta")
        self.up = torch.nn.Linear(rank, base.out_features, bias=False, device="meta")

    def forward(self, x):
        return self.base(x) + self.up(self.down(x))


def adapted(config, batch, seq):
    """MACs forward and backward with adapters beside every product of the layers, all else frozen.

    The output of the embedding has a gradient, as recomputation needs it and peft sets it.
    """
    model, _ = make_counts.build(make_more_counts.language_model(config))
    model.requires_grad_(False)
    model.enable_input_require_grads()
    for path, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and ".layers." in path:
            parent, _, leaf = path.rpartition(".")
            setattr(model.get_submodule(parent), leaf, Adapted(module, RANK))
    ids = torch.zeros((batch, seq), dtype=torch.long, device="meta")
    ahead, behind = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with ahead:
        out, _ = make_counts.forward(model, ids)
    with behind:
        out.logits.sum().backward()
    return {"forward": ahead.get_total_flops() // 2, "backward": behind.get_total_flops() // 2}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", type=Path)
    parser.add_argument("names", nargs="+", help="folders of configs")
    parser.add_argument("--out", type=Path, default=Path("training_counts.json"))
    arguments = parser.parse_args()
    models = {}
    for name in arguments.names:
        config = json.loads((arguments.configs / name / "config.json").read_text())
        models[name] = {run: measure(config, *shape) for run, shape in RUNS.items()}
        if config["model_type"] != "mamba":  # its convolution is counted otherwise
            models[name]["train_b4_s128"]["backward_with_recomputation"] = recomputed(config, *RUNS["train_b4_s128"])
        if config["model_type"] in APART:
            models[name]["train_b4_s128"][f"lora_{RANK}"] = adapted(config, *RUNS["train_b4_s128"])
        print(name, file=sys.stderr, flush=True)
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(model)}" for name, model in models.items())
    arguments.out.write_text(f'{{\n "versions": {json.dumps(versions)},\n "models": {{\n{lines}\n }}\n}}\n')


if __name__ == "__main__":
    main()
