"""What a card's meter says of a step of Llama-3-8B, by how it is read and by what weights, inputs and caches hold.

python benchmarks/device/meter_h200.py OUT.csv        (needs PyTorch with CUDA and nvidia-ml-py)

A reading is the power between steps of the card's energy counter, as in `steps_h200.py`; or that of the counter before
and after a window, whenever it last moved; or the mean that the driver has of the second before the window's end.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from unittest.mock import patch

import pynvml
import torch
from steps_h200 import SHAPES, Decoder, measure

STEPS = (("decode", 1, 511), ("decode", 32, 511), ("prefill", 1, 512), ("prefill", 8, 512))
WINDOWS = ((1.0, 0.0, 1.0), (0.0, 0.6, 1.0), (0.0, 0.6, 2.0), (1.0, 0.1, 1.5), (0.0, 3.0, 1.0))  # rest, before, window
CONTENTS: dict[str, Callable[[torch.Tensor], object] | None] = {
    "normal": None,
    "zero": torch.Tensor.zero_,
    "one row, repeated": lambda w: w.copy_(w[:1].expand_as(w).clone()),
    "normal, a fiftieth": lambda w: w.mul_(0.02),
    "activations without a number": None,
    "activations of zero": None,
    "caches of zero": None,
    "uniform above zero": lambda w: w.uniform_(0, 0.02),
    "uniform": lambda w: w.uniform_(-0.02, 0.02),
}


def window(
    graph: torch.cuda.CUDAGraph, handle: object, rest: float, before: float, seconds: float
) -> tuple[float, float]:
    """Watts by the counter at both ends of a window, and by the mean that the driver has at its end."""
    torch.cuda.synchronize()
    time.sleep(rest)
    start = time.perf_counter()
    while time.perf_counter() - start < before:
        graph.replay()
        torch.cuda.synchronize()
    first, start = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), time.perf_counter()
    while time.perf_counter() - start < seconds:
        for _ in range(5):
            graph.replay()
        torch.cuda.synchronize()
    end = time.perf_counter()
    last = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    return (last - first) / 1e3 / (end - start), pynvml.nvmlDeviceGetPowerUsage(handle) / 1e3


def decoder_of(contents: str) -> Decoder:
    """A decoder whose weights, or what comes in, are of that kind."""
    decoder = Decoder(SHAPES["llama-3-8b"], "bf16")
    if change := CONTENTS[contents]:
        for layer in decoder.layers:
            for linear in layer:
                change(linear.__closure__[0].cell_contents)
    if contents.startswith("activations"):
        decoder.table.fill_(0.0 if "zero" in contents else float("nan"))
    return decoder


@torch.inference_mode()
def main(out: str) -> None:
    """Measure and write one CSV."""
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("contents", "phase", "batch", "prompt", "reading", "seconds", "power_w"))
        for contents in CONTENTS:
            decoder = decoder_of(contents)
            for phase, batch, prompt in STEPS:
                step = contents, phase, batch, prompt
                width, cached = (prompt, prompt) if phase == "prefill" else (1, prompt + 1)
                with patch("torch.randn", torch.zeros if contents == "caches of zero" else torch.randn):
                    work = decoder.work(batch, width, cached)
                with patch("torch.isfinite", torch.ones_like if "without" in contents else torch.isfinite):
                    seconds, watts, _, _ = measure(work, handle)
                writer.writerow((*step, "between steps of the counter", f"{seconds:.6g}", f"{watts:.1f}"))
                if contents == "normal":
                    graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(graph):
                        work()
                    for rest, before, length in WINDOWS:
                        of = f"{rest} s of rest, {before} s before, {length} s"
                        by_counter, by_driver = window(graph, handle, rest, before, length)
                        writer.writerow((*step, f"counter: {of}", "", f"{by_counter:.1f}"))
                        writer.writerow((*step, f"last second: {of}", "", f"{by_driver:.1f}"))
                    del graph
                stream.flush()
                del work
                torch.cuda.empty_cache()
            del decoder
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1])
