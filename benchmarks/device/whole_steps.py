"""Whole steps of an 8B decoder on one NVIDIA GPU, its blocks' linears in BF16, FP8 or INT8: what `calibrate` is held to.

python benchmarks/device/whole_steps.py OUT.csv        (needs PyTorch with CUDA and nvidia-ml-py)

The operators of `models/llama-3-8b-plain.yaml` with random weights, every step captured in one CUDA graph; embedding,
attention and head in BF16.  Nothing of these rows enters a fit.
"""

from __future__ import annotations

import csv
import sys

import kernels_h100
import pynvml
import torch
import torch.nn.functional as F  # noqa: N812  # the framework's own alias
from kernels_h100 import measure, rms_norm
from lowbit_h200 import quantised

LAYERS, WIDTH, HEADS, KV_HEADS, HEAD, INNER, VOCABULARY = 32, 4096, 32, 8, 128, 14336, 128256
CASES = [("prefill", 1, 512), ("prefill", 8, 512), ("prefill", 1, 2048)]
CASES += [("decode", batch, 512) for batch in (1, 8, 32, 64)]
Tensor = torch.Tensor


class Linear:
    """A matrix in one format, and its product with BF16 activations, which are quantised first where it is narrow."""

    def __init__(self, inputs: int, outputs: int, form: str) -> None:
        wide = torch.randn(outputs, inputs, device="cuda", dtype=torch.bfloat16) * inputs**-0.5
        self.narrow = {"fp8": torch.float8_e4m3fn, "int8": torch.int8}.get(form)
        self.weight = wide.t() if self.narrow is None else quantised(wide, self.narrow)[0].t()
        self.one = torch.ones((), device="cuda")

    def __call__(self, x: Tensor) -> Tensor:
        if self.narrow is None:
            return x @ self.weight
        given, scale = quantised(x, self.narrow)
        if self.narrow is torch.int8:
            return torch._int_mm(given, self.weight).bfloat16() * scale.bfloat16()
        return torch._scaled_mm(given, self.weight, scale_a=scale, scale_b=self.one, out_dtype=torch.bfloat16)


class Decoder:
    """All layers, and the head of the last position of each sequence."""

    def __init__(self, form: str) -> None:
        both = (HEADS + 2 * KV_HEADS) * HEAD
        shapes = ((WIDTH, both), (HEADS * HEAD, WIDTH), (WIDTH, 2 * INNER), (INNER, WIDTH))
        self.layers = [[Linear(*shape, form) for shape in shapes] for _ in range(LAYERS)]
        self.head, self.gain = Linear(WIDTH, VOCABULARY, "bf16"), torch.ones(WIDTH, device="cuda").bfloat16()
        self.table = torch.randn(VOCABULARY, WIDTH, device="cuda").bfloat16()

    def step(self, tokens: Tensor, cached: list[Tensor] | None) -> Tensor:
        """One pass; a decode step reads keys and values of all cached positions."""
        batch, length = tokens.shape
        x = F.embedding(tokens, self.table).view(-1, WIDTH)
        for i, (qkv, out, up, down) in enumerate(self.layers):
            q, k, v = (
                part.view(batch, length, -1, HEAD).transpose(1, 2)
                for part in qkv(rms_norm(x, self.gain)).split([HEADS * HEAD, KV_HEADS * HEAD, KV_HEADS * HEAD], -1)
            )
            if cached is not None:
                keys, values = cached[i]
                keys[:, :, -1:], values[:, :, -1:] = k, v
                k, v = keys, values
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=cached is None, enable_gqa=True)
            x = x + out(seen.transpose(1, 2).reshape(-1, HEADS * HEAD))
            gate, value = up(rms_norm(x, self.gain)).chunk(2, -1)
            x = x + down(F.silu(gate) * value)
        return self.head(x.view(batch, length, WIDTH)[:, -1])


def main(out: str) -> None:
    """Measure every case and write one CSV."""
    kernels_h100.SECONDS = 4.0  # the counter moves every tenth of a second
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    with open(out, "w", newline="", encoding="utf-8") as stream, torch.inference_mode():
        writer = csv.writer(stream)
        writer.writerow(("device", "torch", "linears", "phase", "batch", "positions", "seconds", "joules", "power_w"))
        for form in ("bf16", "fp8", "int8"):
            model = Decoder(form)
            for phase, batch, positions in CASES:
                if phase == "decode" and form != "bf16" and batch < 32:  # the kernels' least tokens
                    continue
                cached = None
                if phase == "decode":
                    shape = (LAYERS, 2, batch, KV_HEADS, positions, HEAD)
                    cached = list(torch.randn(shape, device="cuda", dtype=torch.bfloat16))
                tokens = torch.randint(VOCABULARY, (batch, positions if cached is None else 1), device="cuda")
                seconds, joules = measure([lambda t=tokens, c=cached, m=model: m.step(t, c)], handle)
                figures = f"{seconds:.6g}", f"{joules:.6g}", f"{joules / seconds:.1f}"
                writer.writerow(
                    (torch.cuda.get_device_name(0), torch.__version__, form, phase, batch, positions, *figures)
                )
                stream.flush()
            del model
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1])
