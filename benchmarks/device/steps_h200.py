"""Time and energy of whole prompts and decode steps of decoders, linear layers in 32 to 4 bits, on one NVIDIA GPU.

python benchmarks/device/steps_h200.py OUT.csv SECONDS MODEL ...        (needs PyTorch with CUDA and nvidia-ml-py)

Random weights of the named models' shapes, plain framework kernels as in `kernels_h100.py` and `lowbit_h200.py`, one
captured graph for a pass. A decode step reads a cache of `prompt` + 1 positions; a prompt's logits are those of its last
position; embedding, attention and head are in BF16 but in runs of FP32. Energy is between steps of the card's counter
over 2.1 s of replays, after 0.6 s. SECONDS is when to begin no further row.
"""

from __future__ import annotations

import csv
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pynvml
import torch
import torch.nn.functional as F  # noqa: N812  # the framework's own alias
from kernels_h100 import rms_norm, rope
from lowbit_h200 import quantised

WARM, WINDOW, POLL = 0.6, 2.1, 2e-3
GROUP = 128  # weights that share a scale in 4 bits


class Shape(NamedTuple):
    """Widths of a decoder with gated feed-forward layers and no biases."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head: int
    ffn: int
    vocabulary: int


SHAPES = {
    "llama-3.2-1b": Shape(16, 2048, 32, 8, 64, 8192, 128256),
    "smollm2-1.7b": Shape(24, 2048, 32, 32, 64, 8192, 49152),
    "llama-3.2-3b": Shape(28, 3072, 24, 8, 128, 8192, 128256),
    "mistral-7b": Shape(32, 4096, 32, 8, 128, 14336, 32000),
    "deepseek-llm-7b": Shape(30, 4096, 32, 32, 128, 11008, 102400),
    "llama-3-8b": Shape(32, 4096, 32, 8, 128, 14336, 128256),
    "mistral-nemo-12b": Shape(40, 5120, 32, 8, 128, 14336, 131072),
    "llama-2-13b": Shape(40, 5120, 40, 40, 128, 13824, 32000),
    "mistral-small-24b": Shape(40, 5120, 32, 8, 128, 32768, 131072),
    "codellama-34b": Shape(48, 8192, 64, 8, 128, 22016, 32000),
    "tinyllama-1.1b": Shape(22, 2048, 32, 4, 64, 5632, 32000),
    "llama-30b": Shape(60, 6656, 52, 52, 128, 17920, 32000),
}
PROMPTS = ((1, 512), (8, 512), (1, 2048))
WORK = {  # batch and prompt of prompts, batch and cached positions of steps
    "bf16": (PROMPTS, ((1, 511), (8, 511), (32, 511), (128, 511), (8, 4095))),
    "fp8": (PROMPTS, ((1, 511), (8, 511), (32, 511), (128, 511), (8, 4095))),
    "int8": (PROMPTS, ((32, 511), (128, 511))),  # its kernel takes more than 16 tokens
    "w4a16": (((1, 512),), ((1, 511), (4, 511), (8, 511), (16, 511), (32, 511))),
    "fp32": (((1, 512),), ((1, 511), (8, 511), (32, 511))),
}
IN_FP32 = ("llama-3.2-1b", "llama-3.2-3b")


def linear(precision: str, inputs: int, outputs: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A linear layer with random weights, and what it does to its input before and to its sums after."""
    if precision in ("bf16", "fp32"):
        kind = torch.bfloat16 if precision == "bf16" else torch.float32
        wide = torch.randn(outputs, inputs, device="cuda", dtype=kind) * inputs**-0.5
        return lambda x: F.linear(x, wide)
    if precision == "w4a16":
        codes = torch.randint(0, 255, (outputs, inputs // 2), dtype=torch.uint8, device="cuda")
        packed = torch._convert_weight_to_int4pack(codes, 8)
        scales = torch.rand(inputs // GROUP, outputs, 2, dtype=torch.bfloat16, device="cuda") * 0.25 * inputs**-0.5
        return lambda x: torch._weight_int4pack_mm(x, packed, GROUP, scales)
    if precision == "fp8":
        narrow = torch.randn(outputs, inputs, device="cuda", dtype=torch.bfloat16).to(torch.float8_e4m3fn).t()
        by = torch.full((), inputs**-0.5, device="cuda")

        def in_fp8(x: torch.Tensor) -> torch.Tensor:
            codes, scale = quantised(x, torch.float8_e4m3fn)
            return torch._scaled_mm(codes, narrow, scale_a=scale, scale_b=by, out_dtype=torch.bfloat16)

        return in_fp8
    whole = (torch.randn(outputs, inputs, device="cuda", dtype=torch.bfloat16) * 32).round().to(torch.int8).t()
    column = torch.full((outputs,), inputs**-0.5 / 32, device="cuda", dtype=torch.bfloat16)

    def in_int8(x: torch.Tensor) -> torch.Tensor:
        codes, scale = quantised(x, torch.int8)
        return torch._int_mm(codes, whole).bfloat16() * scale.bfloat16() * column

    return in_int8


class Decoder:
    """A decoder with random weights."""

    def __init__(self, shape: Shape, precision: str) -> None:
        self.shape, self.kind = shape, torch.float32 if precision == "fp32" else torch.bfloat16
        s, both = shape, (shape.heads + 2 * shape.kv_heads) * shape.head
        widths = ((s.hidden, both), (s.heads * s.head, s.hidden), (s.hidden, 2 * s.ffn), (s.ffn, s.hidden))
        self.layers = [[linear(precision, *each) for each in widths] for _ in range(s.layers)]
        self.head = linear("fp32" if precision == "fp32" else "bf16", s.hidden, s.vocabulary)
        self.table = torch.randn(s.vocabulary, s.hidden, device="cuda", dtype=self.kind)
        self.gain = torch.ones(s.hidden, device="cuda", dtype=self.kind)

    def work(self, batch: int, width: int, cached: int) -> Callable[[], torch.Tensor]:
        """One pass over ``width`` tokens of each sequence, whose cache has room for ``cached`` positions."""
        s, tokens = self.shape, batch * width
        ids = torch.randint(0, s.vocabulary, (tokens,), device="cuda")
        places = torch.arange(cached - width, cached, device="cuda")
        cos, sin = (torch.rand(1, 1, width, s.head, device="cuda", dtype=self.kind) for _ in range(2))
        shape = (2, batch, s.kv_heads, cached, s.head)
        caches = [torch.randn(shape, device="cuda", dtype=self.kind) for _ in range(s.layers)]

        def once() -> torch.Tensor:
            x = self.table[ids]
            for (qkv, out, up, down), cache in zip(self.layers, caches, strict=True):
                both = qkv(rms_norm(x, self.gain)).view(batch, width, -1, s.head).transpose(1, 2)
                q, k, v = both.split((s.heads, s.kv_heads, s.kv_heads), 1)
                q, k = rope(q, cos, sin), rope(k, cos, sin)
                cache[0].index_copy_(2, places, k)
                cache[1].index_copy_(2, places, v)
                attended = F.scaled_dot_product_attention(
                    q, cache[0], cache[1], is_causal=width > 1, enable_gqa=s.heads != s.kv_heads
                )
                x = x + out(attended.transpose(1, 2).reshape(tokens, -1))
                gate, value = up(rms_norm(x, self.gain)).chunk(2, -1)
                x = x + down(F.silu(gate) * value)
            last = x.view(batch, width, -1)[:, -1]
            return self.head(rms_norm(last, self.gain))

        return once


def measure(
    work: Callable[[], torch.Tensor], handle: object, agreed: Callable[[int], int] = int
) -> tuple[float, float, int, int]:
    """Seconds and watts of a pass, the median clock and the temperature at the end of its replays.

    ``agreed`` makes one number of replays of those that each card of several counts for itself.
    """
    for _ in range(2):
        made = work()
    torch.cuda.synchronize()
    if not bool(torch.isfinite(made.float()).all()):
        raise RuntimeError("not finite")
    del made
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        work()
    began, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    graph.replay()
    torch.cuda.synchronize()
    start = time.perf_counter()
    graph.replay()
    torch.cuda.synchronize()
    warm = agreed(1 + int(WARM / (time.perf_counter() - start)))
    start = time.perf_counter()
    for _ in range(warm):
        graph.replay()
        torch.cuda.synchronize()
    each = (time.perf_counter() - start) / warm
    steps: list[tuple[float, float]] = []
    clocks: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL):
            joules = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3
            if not steps or joules != steps[-1][1]:
                steps.append((time.perf_counter(), joules))
                clocks.append(pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    replays = agreed(max(2, int(WINDOW / each)))
    began.record()
    for _ in range(replays):
        graph.replay()
    ended.record()
    ended.synchronize()
    over.set()
    watcher.join()
    heat = pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
    (first, before), (last, after) = steps[1], steps[-1]
    return (
        began.elapsed_time(ended) / 1e3 / replays,
        (after - before) / (last - first),
        sorted(clocks)[len(clocks) // 2],
        heat,
    )


def cases(name: str) -> Iterator[tuple[str, str, int, int, int]]:
    """Precision, phase, batch, prompt and generated tokens of a model's rows."""
    for precision, (prompts, steps) in WORK.items():
        if precision == "fp32" and name not in IN_FP32:
            continue
        yield from ((precision, "prefill", batch, prompt, 1) for batch, prompt in prompts)
        yield from ((precision, "decode", batch, prompt, 2) for batch, prompt in steps)


@torch.inference_mode()
def main(out: str, until: float, names: list[str]) -> None:
    """Measure the models' rows and write one CSV."""
    pynvml.nvmlInit()
    handle, begin = pynvml.nvmlDeviceGetHandleByIndex(0), time.perf_counter()
    idle = pynvml.nvmlDeviceGetPowerUsage(handle) / 1e3
    print(torch.cuda.get_device_name(0), torch.__version__, f"idle {idle} W", flush=True)
    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("model", "precision", "phase", "batch", "prompt", "generate", "seconds", "joules", "power_w",
                         "clock_mhz", "temperature_c"))  # fmt: skip
        for name in names:
            now, decoder = "", None
            for precision, phase, batch, prompt, generate in cases(name):
                if time.perf_counter() - begin > until:
                    print("out of time", flush=True)
                    return
                if precision != now:
                    decoder = None
                    torch.cuda.empty_cache()
                    now, decoder = precision, Decoder(SHAPES[name], precision)
                try:
                    width, cached = (prompt, prompt) if phase == "prefill" else (1, prompt + 1)
                    seconds, watts, clock, heat = measure(decoder.work(batch, width, cached), handle)
                except (RuntimeError, IndexError) as error:
                    print(name, precision, phase, batch, prompt, str(error)[:160], flush=True)
                    torch.cuda.empty_cache()
                    continue
                figures = f"{seconds:.6g}", f"{watts * seconds:.6g}", f"{watts:.1f}", clock, heat
                writer.writerow((name, precision, phase, batch, prompt, generate, *figures))
                print(
                    f"{time.perf_counter() - begin:.0f}s", name, precision, phase, batch, prompt, *figures, flush=True
                )
                stream.flush()
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
