"""Prompts and decode steps of decoders split over all GPUs of a machine, whole and without all-reduces; these by size.

torchrun --nproc-per-node 2 benchmarks/device/tensor_parallel_h200.py OUT.csv SECONDS [MODEL ...]

The decoders of `steps_h200.py` in BF16, each linear layer split over the GPUs: queries, keys and values and the first
two of the feed-forward layers by outputs, the other two by inputs, an all-reduce after either (Shoeybi et al.,
Megatron-LM, 2019, section 3), in one captured graph. The head is split by outputs, its logits are not gathered.
Energy is that of all GPUs together. SECONDS is when to begin no further row.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable

import pynvml
import torch
import torch.distributed as dist
from steps_h200 import SHAPES, Decoder, measure

WORK = (
    ("prefill", 1, 512),
    ("prefill", 8, 512),
    ("prefill", 1, 2048),
    ("decode", 1, 511),
    ("decode", 32, 511),
    ("decode", 128, 511),
)
PARTS = ("whole", "without all-reduces")
SIZES = tuple(1 << n for n in (13, 16, 18, 20, 22, 23, 24, 25, 26, 28))
# Sums of random numbers leave the range of the format when they are summed again; largest ones of random numbers stay.
KINDS = {"largest": dist.ReduceOp.MAX, "sum of zeros": dist.ReduceOp.SUM, "mean": dist.ReduceOp.AVG}


def split(name: str, ways: int) -> Decoder:
    """One GPU's share of a decoder."""
    s = SHAPES[name]
    return Decoder(
        s._replace(
            heads=s.heads // ways, kv_heads=s.kv_heads // ways, ffn=s.ffn // ways, vocabulary=s.vocabulary // ways
        ),
        "bf16",
    )


def joined(linear: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    """A linear layer split by inputs, and the sum of its parts."""

    def once(x: torch.Tensor) -> torch.Tensor:
        made = linear(x)
        dist.all_reduce(made)
        return made

    return once


def together(figures: list[float], how: dist.ReduceOp.RedOpType) -> list[float]:
    """Figures of all GPUs as one."""
    held = torch.tensor(figures, device="cuda", dtype=torch.float64)
    dist.all_reduce(held, how)
    return held.tolist()


@torch.inference_mode()
def main(out: str, until: float, names: list[str]) -> None:
    """Measure the models' rows; the first GPU writes one CSV."""
    dist.init_process_group("nccl")
    rank, ways, begin = dist.get_rank(), dist.get_world_size(), time.perf_counter()
    torch.cuda.set_device(rank)
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(rank)

    def agreed(count: int) -> int:
        return int(together([count], dist.ReduceOp.MAX)[0])

    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("device", "model", "part", "phase", "batch", "prompt", "bytes", "seconds", "joules", "power_w",
                         "clock_mhz", "temperature_c"))  # fmt: skip

        def row(what: tuple[object, ...], work: Callable[[], torch.Tensor], each: int = 1) -> None:
            seconds, watts, clock, heat = measure(work, handle, agreed)
            seconds = together([seconds], dist.ReduceOp.MAX)[0] / each
            watts, clock, heat = together([watts, clock / ways, heat / ways], dist.ReduceOp.SUM)
            figures = f"{seconds:.6g}", f"{watts * seconds:.6g}", f"{watts:.1f}", round(clock), round(heat)
            if rank == 0:
                writer.writerow((f"{ways}x {torch.cuda.get_device_name()}", *what, *figures))
                print(f"{time.perf_counter() - begin:.0f}s", *what, *figures, flush=True)
                stream.flush()
            torch.cuda.empty_cache()

        def late() -> bool:
            return together([time.perf_counter() - begin], dist.ReduceOp.MAX)[0] > until

        for size in () if names else SIZES:
            for kind, how in KINDS.items():
                sums = torch.randn(size // 2, device="cuda").bfloat16() * ("zeros" not in kind)

                def again(sums: torch.Tensor = sums, how: dist.ReduceOp.RedOpType = how) -> torch.Tensor:
                    for _ in range(20):
                        dist.all_reduce(sums, how)
                    return sums

                if not late():
                    row(("", f"all-reduce, {kind}", "", "", "", size), again, 20)
        for name in names:
            decoder = split(name, ways)
            plain = [list(layer) for layer in decoder.layers]
            for phase, batch, prompt in WORK:
                width, cached = (prompt, prompt) if phase == "prefill" else (1, prompt + 1)
                for part in PARTS:
                    decoder.layers = plain
                    if part == "whole":
                        decoder.layers = [[qkv, joined(o), up, joined(down)] for qkv, o, up, down in plain]
                    if not late():
                        row((name, part, phase, batch, prompt, ""), decoder.work(batch, width, cached))
            del decoder
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
