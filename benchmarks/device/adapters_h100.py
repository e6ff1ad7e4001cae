"""Time, energy and peak memory of fine-tuning steps of LLaMA-shaped decoders, full and with adapters, on one NVIDIA GPU.

python benchmarks/device/adapters_h100.py OUT.csv        (needs PyTorch with CUDA and nvidia-ml-py)

Plain framework code, eager, as Hugging Face models with PEFT run: 16-bit weights, norms in FP32, fused
scaled-dot-product attention, cross entropy in FP32, autocast to BF16, fused AdamW. Adapters of FP32 beside every matrix
of the layers. A base of 8 bits has a scale per output channel; one of 4 bits (NF4) a 16-bit scale for each 64 weights;
both are dequantised to BF16 in each pass, and again in the backward pass. Weights are random: cost does not depend on
them. Peak memory is that of the allocator, after a warm-up of two steps.
"""

from __future__ import annotations

import csv
import sys
import time
from typing import Any, NamedTuple

import pynvml
import torch
import torch.nn.functional as F  # noqa: N812  # the framework's own alias
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

SECONDS = 2.0
SHAPES = {  # hidden, layers, heads, key-value heads, ffn, vocabulary
    "llama-shaped-1b": (2048, 16, 32, 8, 8192, 32000),
    "llama-3.2-3b": (3072, 28, 24, 8, 8192, 128256),
    "llama-3.1-8b": (4096, 32, 32, 8, 14336, 128256),
}
LEVELS = torch.tensor([
    -1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0, 0.0795803, 0.1609302, 0.2461123,
    0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0,
])  # fmt: skip


class Case(NamedTuple):
    """One step: 16 bits stored and no rank is full fine-tuning."""

    model: str
    micro_batch: int
    stored: int
    rank: int
    recompute: bool
    seq: int = 2048


@torch.compile(dynamic=True)
def four_bits_wide(codes: Tensor, scales: Tensor, levels: Tensor) -> Tensor:
    """Weights of two a byte, in one kernel without anything beside its result."""
    both = torch.stack((levels[(codes & 15).int()], levels[(codes >> 4).int()]), -1)
    return (both.view(-1, 64) * scales).view(-1)


class Stored(nn.Module):
    """Weights of 4 or 8 bits, which are dequantised where they are used."""

    def __init__(self, inputs: int, outputs: int, bits: int) -> None:
        super().__init__()
        self.bits, self.shape = bits, (outputs, inputs)
        if bits == 8:
            self.codes = nn.Buffer(torch.randint(-127, 127, self.shape, dtype=torch.int8, device="cuda"))
            self.scales = nn.Buffer(torch.rand(outputs, 1, device="cuda").bfloat16() / 4000)
        else:
            self.codes = nn.Buffer(torch.randint(0, 255, (outputs * inputs // 2,), dtype=torch.uint8, device="cuda"))
            self.scales = nn.Buffer(torch.rand(outputs * inputs // 64, 1, device="cuda").bfloat16() / 30)
            self.levels = nn.Buffer(LEVELS.cuda().bfloat16())

    def wide(self) -> Tensor:
        if self.bits == 8:
            return self.codes.to(torch.bfloat16).mul_(self.scales)
        return four_bits_wide(self.codes, self.scales, self.levels).view(self.shape)

    def forward(self, x: Tensor) -> Tensor:
        return Dequantised.apply(x, self)  # type: ignore[no-any-return]


class Dequantised(torch.autograd.Function):
    """A product with dequantised weights: only the narrow ones are kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, stored: Stored) -> Tensor:
        ctx.stored = stored
        return F.linear(x, stored.wide())

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient @ ctx.stored.wide(), None


class Product(nn.Module):
    """A matrix, trained or frozen, with an adapter beside it where there is a rank."""

    def __init__(self, inputs: int, outputs: int, case: Case) -> None:
        super().__init__()
        if case.stored == 16:
            self.base: nn.Module = nn.Linear(inputs, outputs, bias=False, device="cuda", dtype=torch.bfloat16)
            self.base.requires_grad_(case.rank == 0)
        else:
            self.base = Stored(inputs, outputs, case.stored)
        self.rank = case.rank
        if case.rank:
            self.down = nn.Linear(inputs, case.rank, bias=False, device="cuda")
            self.up = nn.Linear(case.rank, outputs, bias=False, device="cuda")

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.base(x)
        return found + self.up(self.down(x)) * 2 if self.rank else found


class Norm(nn.Module):
    """RMSNorm in FP32."""

    def __init__(self, hidden: int, trained: bool) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(hidden, device="cuda", dtype=torch.bfloat16), requires_grad=trained)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)
        return self.gain * wide.to(x.dtype)


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions."""
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


class Layer(nn.Module):
    """A layer of LLaMA."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        hidden, _, self.heads, self.kv, ffn, _ = SHAPES[case.model]
        self.width = hidden // self.heads
        full = case.rank == 0
        self.first, self.second = Norm(hidden, full), Norm(hidden, full)
        self.q = Product(hidden, hidden, case)
        self.k, self.v = (Product(hidden, self.kv * self.width, case) for _ in range(2))
        self.o = Product(hidden, hidden, case)
        self.gate, self.up = (Product(hidden, ffn, case) for _ in range(2))
        self.down = Product(ffn, hidden, case)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        h = self.first(x)
        q, k, v = (
            p(h).view(*x.shape[:2], n, self.width).transpose(1, 2)
            for p, n in ((self.q, self.heads), (self.k, self.kv), (self.v, self.kv))
        )
        q, k = turned(q, cos, sin), turned(k, cos, sin)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + self.o(mixed.transpose(1, 2).reshape(x.shape))
        h = self.second(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Decoder(nn.Module):
    """Embedding, layers, head."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        hidden, layers, heads, _, _, vocabulary = SHAPES[case.model]
        full = case.rank == 0
        self.table = nn.Embedding(vocabulary, hidden, device="cuda", dtype=torch.bfloat16).requires_grad_(full)
        self.layers = nn.ModuleList(Layer(case) for _ in range(layers))
        self.norm = Norm(hidden, full)
        self.head = nn.Linear(hidden, vocabulary, bias=False, device="cuda", dtype=torch.bfloat16).requires_grad_(full)
        if case.model == "llama-3.2-3b":
            self.head.weight = self.table.weight
        self.recompute = case.recompute
        angles = (
            torch.arange(case.seq, device="cuda")[:, None] / 500000 ** torch.linspace(0, 1, hidden // heads // 2).cuda()
        )
        angles = torch.cat((angles, angles), -1)
        self.cos, self.sin = angles.cos().bfloat16(), angles.sin().bfloat16()

    def forward(self, tokens: Tensor) -> Tensor:
        x: Tensor = self.table(tokens)
        if self.recompute and not x.requires_grad:
            x.requires_grad_()
        for layer in self.layers:
            if self.recompute:
                x = checkpoint(layer, x, self.cos, self.sin, use_reentrant=False)
            else:
                x = layer(x, self.cos, self.sin)
        logits = self.head(self.norm(x)).float()
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), tokens.view(-1))


def run(case: Case, handle: object) -> dict[str, object]:
    """The mean of some seconds of steps."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    model = Decoder(case)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, fused=True)
    tokens = torch.randint(0, 30000, (case.micro_batch, case.seq), device="cuda")

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16):
            loss = model(tokens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    for _ in range(2):
        step()
    torch.cuda.synchronize()
    static = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    step()
    torch.cuda.synchronize()
    steps = max(3, int(SECONDS / (time.perf_counter() - start)))
    joules, start = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize()
    took = time.perf_counter() - start
    spent = (pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) - joules) / 1e3
    return {
        **case._asdict(), "recompute": "full" if case.recompute else "none",
        "trained": sum(p.numel() for p in trained), "time_s": round(took / steps, 6),
        "energy_j": round(spent / steps, 3), "peak_memory_bytes": torch.cuda.max_memory_allocated(),
        "static_memory_bytes": static,
    }  # fmt: skip


def cases() -> list[Case]:
    """Each base with and without recomputation, with ranks and batches."""
    found = [Case("llama-shaped-1b", 4, stored, rank, again) for stored, rank in ((16, 0), (16, 16), (8, 16), (4, 16))
             for again in (False, True)]  # fmt: skip
    found += [Case("llama-shaped-1b", 8, 16, 64, False), Case("llama-shaped-1b", 1, 4, 64, False)]
    found += [Case("llama-3.2-3b", 2, *way) for way in ((16, 0, True), (16, 8, False), (16, 8, True), (4, 64, True))]
    found += [Case("llama-3.1-8b", 1, *way) for way in ((16, 8, False), (16, 16, True), (8, 16, True), (4, 16, False))]
    found += [Case("llama-3.1-8b", 2, 4, 16, True), Case("llama-3.2-3b", 2, 16, 16, True, 4096)]
    return found


def main() -> None:
    """Write a row for each case that fits."""
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    with open(sys.argv[1], "w", encoding="utf-8", newline="") as file:
        out = None
        for number, case in enumerate(cases()):
            try:
                row = {"id": f"adapters-{number:02d}", "hardware": torch.cuda.get_device_name(), **run(case, handle)}
            except torch.cuda.OutOfMemoryError:
                print("out of memory", case)
                continue
            out = out or csv.DictWriter(file, list(row))
            if not number:
                out.writeheader()
            out.writerow(row)
            file.flush()
            print(row, flush=True)


if __name__ == "__main__":
    main()
