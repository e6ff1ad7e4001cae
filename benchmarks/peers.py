"""Rates of other tools over one grid, run by a Python that has them: ``python benchmarks/peers.py``; prints JSON.

It imports nothing of this project: ``pip install llm-flops llm-analysis ecologits calflops`` into an environment of
its own, and give its Python to ``python -m benchmarks.sweep``.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 1.0  # of one run; the median of RUNS counts
RUNS = 5
LLAMA = {"hidden": 4096, "layers": 32, "heads": 32, "ffn": 11008, "vocab": 32000, "positions": 4096}


def points() -> Iterator[tuple[int, int, int]]:
    """Batch, prompt and generated tokens: the grid that all tools walk."""
    return itertools.cycle(itertools.product(range(1, 65), range(16, 4097, 16), (32, 128, 512)))


def rate(
    call: Callable[[int, int, int], Any], seconds: float = SECONDS, refusal: type[Exception] | tuple[()] = ()
) -> dict[str, float]:
    """Evaluations a second: the median of some runs, and the time of a single warm call.  [1/s], [s]

    A point that a tool refuses is walked past; its time and itself do not count.
    """
    grid = points()
    for _ in range(3):
        call(*next(grid))
    rates, refused = [], 0
    for _ in range(RUNS):
        done, busy, end = 0, 0.0, time.perf_counter() + seconds
        while time.perf_counter() < end:
            point, start = next(grid), time.perf_counter()
            try:
                call(*point)
            except refusal:
                refused += 1
                continue
            busy += time.perf_counter() - start
            done += 1
        rates.append(done / busy)
    best = statistics.median(rates)
    return {"rate": best, "single": 1 / best, "refused": refused}


def llm_flops() -> dict[str, float]:
    import llmflops

    model = llmflops.ModelConfig(
        name="llama-2-7b", hidden_size=LLAMA["hidden"], num_layers=LLAMA["layers"], num_attention_heads=LLAMA["heads"],
        intermediate_size=LLAMA["ffn"], vocab_size=LLAMA["vocab"],
    )  # fmt: skip
    return rate(
        lambda b, p, g: llmflops.estimate(
            model, batch_size=b, sequence_length=p, precision="bf16", gpu="H100", include_backward=False,
            num_generated_tokens=g,
        )
    )  # fmt: skip


def llm_analysis() -> dict[str, float]:
    # its feed-forward width is a whole multiple of the hidden one: 3 instead of 2.69
    logging.disable(logging.CRITICAL)
    from llm_analysis.analysis import LLMAnalysis
    from llm_analysis.config import GPUConfig, ModelConfig

    model = ModelConfig(
        name="llama-2-7b", max_seq_len=LLAMA["positions"], num_layers=LLAMA["layers"], n_head=LLAMA["heads"],
        hidden_dim=LLAMA["hidden"], vocab_size=LLAMA["vocab"], ffn_embed_dim=3 * LLAMA["hidden"],
    )  # fmt: skip
    device = GPUConfig(
        name="h100", mem_per_GPU_in_GB=80, hbm_bandwidth_in_GB_per_sec=3350, intra_node_bandwidth_in_GB_per_sec=450,
        peak_fp16_TFLOPS=989, peak_i8_TFLOPS=1979, peak_i4_TFLOPS=1979, inter_node_bandwidth_in_GB_per_sec=50,
        intra_node_min_message_latency=8e-6,
    )  # fmt: skip
    analysis = LLMAnalysis(model, device, flops_efficiency=0.6, hbm_memory_efficiency=0.8)

    def call(b: int, p: int, g: int) -> Any:
        return analysis.inference(batch_size_per_gpu=b, seq_len=p, num_tokens_to_generate=g)

    return rate(call, refusal=AssertionError)  # what does not fit a device


def ecologits() -> dict[str, float]:
    from ecologits.impacts.llm import compute_llm_impacts

    return rate(
        lambda b, p, g: compute_llm_impacts(
            model_active_parameter_count=6.74, model_total_parameter_count=6.74, output_token_count=g,
            if_electricity_mix_adpe=7e-8, if_electricity_mix_pe=9.9, if_electricity_mix_gwp=0.59,
            if_electricity_mix_wue=1.0, datacenter_pue=1.2, datacenter_wue=0.5, batch_size=b,
        )
    )  # fmt: skip


def calflops() -> dict[str, float]:
    import torch
    from calflops import calculate_flops
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=LLAMA["hidden"], num_hidden_layers=LLAMA["layers"], num_attention_heads=LLAMA["heads"],
        intermediate_size=LLAMA["ffn"], vocab_size=LLAMA["vocab"],
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config)

    def call(b: int, p: int, g: int) -> Any:
        tokens = torch.ones((b, p), dtype=torch.long, device="meta")
        return calculate_flops(model, kwargs={"input_ids": tokens}, print_results=False, print_detailed=False)

    return rate(call)


def main() -> None:
    """Print ``{tool: {rate, single} or {fault}}``."""
    os.environ["TQDM_DISABLE"] = "1"
    found: dict[str, Any] = {}
    for name, tool in (
        ("llm-flops", llm_flops), ("llm-analysis", llm_analysis), ("ecologits", ecologits), ("calflops", calflops),
    ):  # fmt: skip
        words = io.StringIO()
        try:
            with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
                found[name] = tool()
        except Exception as fault:  # a tool that does not run is said, not left out
            found[name] = {"fault": f"{type(fault).__name__}: {fault}".splitlines()[0][:120]}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
