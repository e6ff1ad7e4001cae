"""Time and energy of single framework kernels replayed from a captured CUDA graph, on one NVIDIA GPU.

python benchmarks/device/kernels_h100.py OUT.csv        (needs PyTorch with CUDA and nvidia-ml-py)

Each row is one operator of a transformer layer at one shape: the seconds and joules of one call, from the card's
energy counter over about a second of graph replays. Weights and activations cycle over enough copies that the L2
cache holds none of them. Nothing here runs a whole model: these rows are what the runtime `cuda-graph` is made from.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator

import pynvml
import torch
import torch.nn.functional as F  # noqa: N812  # the framework's own alias

SECONDS = 0.9
COPIES_BYTES = 256e6  # five times the L2 of an H100


def measure(calls: list[Callable[[], object]], handle: object) -> tuple[float, float]:
    """Seconds and joules of one call, calls taking turns inside one captured graph."""
    for call in calls[:3]:
        call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    graph.replay()
    torch.cuda.synchronize()
    start = time.perf_counter()
    graph.replay()
    torch.cuda.synchronize()
    replays = max(3, int(SECONDS / max(time.perf_counter() - start, 1e-5)))
    for _ in range(replays // 3):
        graph.replay()
    torch.cuda.synchronize()
    energy, start = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), time.perf_counter()
    for _ in range(replays):
        graph.replay()
    torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    joules = (pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) - energy) / 1e3
    return seconds / replays / len(calls), joules / replays / len(calls)


def copies(bytes_each: float, least: int = 2, most: int = 256) -> int:
    """How many copies defeat the L2 cache."""
    return int(min(most, max(least, COPIES_BYTES // bytes_each + 1)))


def rms_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """RMSNorm as the reference implementations write it, a kernel per step."""
    wide = x.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)
    return weight * wide.to(x.dtype)


def rope(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions as the reference implementations write them."""
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def cases() -> Iterator[tuple[str, str, list[Callable[[], object]], dict[str, float]]]:
    """Operator, shape, calls to take turns, and what one call does."""
    dtype, device = torch.bfloat16, "cuda"

    def rand(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=dtype, device=device)

    one = [rand(1) for _ in range(200)]
    yield "null", "1 element", [lambda t=t: t.add_(1) for t in one], {"kernels": 1}
    for tokens in (1, 8, 32, 512, 2048, 4096):
        for width in (2048, 4096, 8192):
            size = 2.0 * tokens * width
            n = copies(2 * size, most=100)
            xs, ys, w = [rand(tokens, width) for _ in range(n)], [rand(tokens, width) for _ in range(n)], rand(width)
            shape = f"{tokens}x{width}"
            elements = {"elements": tokens * width}
            yield "rms_norm", shape, [lambda x=x: rms_norm(x, w) for x in xs], elements
            yield "rms_norm_fused", shape, [lambda x=x: F.rms_norm(x, (width,), w, 1e-5) for x in xs], elements
            yield "residual", shape, [lambda x=x, y=y: x + y for x, y in zip(xs, ys, strict=True)], elements
            yield "silu_mul", shape, [lambda x=x, y=y: F.silu(x) * y for x, y in zip(xs, ys, strict=True)], elements
            yield "gelu", shape, [lambda x=x: F.gelu(x) for x in xs], elements
            if width <= 4096:
                heads = width // 128
                qs = [x.view(1, tokens, heads, 128).transpose(1, 2) for x in xs]
                cos, sin = rand(1, 1, tokens, 128), rand(1, 1, tokens, 128)
                yield "rope", shape, [lambda q=q: rope(q, cos, sin) for q in qs], elements
            del xs, ys
    for batch, heads, kv_heads, dim, context in (
        (1, 32, 32, 128, 512), (1, 32, 32, 128, 4096), (8, 32, 32, 128, 512), (32, 32, 32, 128, 512),
        (1, 32, 4, 64, 512), (8, 32, 4, 64, 512), (32, 32, 4, 64, 512), (1, 32, 4, 64, 4096), (1, 32, 8, 128, 512),
        (1, 40, 40, 128, 512), (1, 20, 5, 128, 512),
    ):  # fmt: skip
        n = copies(4.0 * batch * kv_heads * dim * context, most=40)
        q = rand(batch, heads, 1, dim)
        kv = [(rand(batch, kv_heads, context, dim), rand(batch, kv_heads, context, dim)) for _ in range(n)]
        new, at = rand(batch, kv_heads, 1, dim), torch.tensor([context - 1], device=device)
        shape = f"b{batch} h{heads} kv{kv_heads} d{dim} c{context}"
        bytes_read = {"kv_bytes": 4.0 * batch * kv_heads * dim * context}
        grouped = kv_heads != heads
        yield "sdpa_decode", shape, [
            lambda k=k, v=v: F.scaled_dot_product_attention(q, k, v, enable_gqa=grouped) for k, v in kv
        ], bytes_read  # fmt: skip
        if grouped:
            r = heads // kv_heads
            yield "sdpa_decode_repeat", shape, [
                lambda k=k, v=v: F.scaled_dot_product_attention(
                    q, k.repeat_interleave(r, 1), v.repeat_interleave(r, 1)
                )
                for k, v in kv
            ], bytes_read  # fmt: skip
        yield "index_copy", shape, [lambda k=k: k.index_copy_(2, at, new) for k, _ in kv], {}
        del kv
    for batch, heads, kv_heads, dim, prompt in (
        (1, 32, 32, 128, 512), (8, 32, 32, 128, 512), (1, 32, 32, 128, 2048), (1, 32, 4, 64, 512), (8, 32, 4, 64, 512),
        (1, 32, 4, 64, 2048), (1, 32, 32, 128, 8192),
    ):  # fmt: skip
        q, k, v = (
            rand(batch, heads, prompt, dim),
            rand(batch, kv_heads, prompt, dim),
            rand(batch, kv_heads, prompt, dim),
        )
        yield "sdpa_prefill", f"b{batch} h{heads} kv{kv_heads} d{dim} p{prompt}", [
            lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=kv_heads != heads)
        ] * 4, {"macs": 1.0 * batch * heads * dim * prompt * prompt}  # fmt: skip
    shapes = ((4096, 12288), (4096, 4096), (4096, 22016), (11008, 4096), (2048, 2560), (2048, 2048), (2048, 11264),
              (5632, 2048), (4096, 32000), (2560, 13824), (5120, 5120), (8192, 8192), (5120, 27648))  # fmt: skip
    for inputs, outputs in shapes:
        n = copies(2.0 * inputs * outputs, most=60)
        ws = [rand(outputs, inputs) for _ in range(n)]
        for tokens in (1, 8, 32, 128, 512, 2048, 4096):
            if tokens > 128 and outputs == 32000:
                continue
            x = rand(tokens, inputs)
            yield "linear", f"{tokens}x{inputs}x{outputs}", [lambda w=w: F.linear(x, w) for w in ws], {
                "macs": 1.0 * tokens * inputs * outputs, "weight_bytes": 2.0 * inputs * outputs,
            }  # fmt: skip
        del ws


def main(out: str) -> None:
    """Measure every case and write one CSV."""
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    name = torch.cuda.get_device_name(0)
    fields = [
        "device",
        "torch",
        "op",
        "shape",
        "seconds",
        "joules",
        "power_w",
        "macs",
        "weight_bytes",
        "kv_bytes",
        "elements",
    ]
    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fields, extrasaction="ignore")
        writer.writeheader()
        for op, shape, calls, does in cases():
            try:
                seconds, joules = measure(calls, handle)
            except RuntimeError as error:
                print(op, shape, error, file=sys.stderr)
                continue
            row = {"device": name, "torch": torch.__version__, "op": op, "shape": shape, **does}
            row |= {"seconds": f"{seconds:.6g}", "joules": f"{joules:.6g}", "power_w": f"{joules / seconds:.1f}"}
            writer.writerow(row)
            stream.flush()
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1])
