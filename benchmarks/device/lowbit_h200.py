"""Time and energy of the kernels of low-bit linear layers and of FP32, as `kernels_h100.py` measures those of BF16.

python benchmarks/device/lowbit_h200.py OUT.csv        (needs PyTorch with CUDA and nvidia-ml-py)
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator

import pynvml
import torch
import torch.nn.functional as F  # noqa: N812  # the framework's own alias
from kernels_h100 import copies, measure
from torch.nn.attention import SDPBackend, sdpa_kernel

Cases = Iterator[tuple[str, str, list[Callable[[], object]]]]
DECODE = (
    (1, 32, 32, 128, 512), (8, 32, 32, 128, 512), (32, 32, 32, 128, 512), (64, 32, 32, 128, 512),
    (1, 32, 32, 128, 4096), (1, 32, 8, 128, 512), (8, 32, 8, 128, 512), (32, 32, 8, 128, 512), (1, 32, 8, 128, 4096),
    (1, 14, 2, 64, 2048), (1, 32, 32, 64, 512), (8, 32, 32, 64, 512), (32, 32, 32, 64, 512), (1, 12, 12, 64, 2048),
    (4, 16, 16, 128, 1024), (1, 32, 4, 64, 512), (8, 32, 4, 64, 512), (32, 32, 4, 64, 512), (1, 32, 4, 64, 4096),
)  # fmt: skip  # batch, heads, key-value heads, width of a head, keys
NARROW = ((4096, 6144), (4096, 4096), (4096, 28672), (14336, 4096), (896, 9728), (2048, 2560))
WIDE = ((4096, 12288), (4096, 4096), (4096, 22016), (11008, 4096), (2048, 2560), (2048, 11264), (4096, 32000))


def quantised(x: torch.Tensor, form: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Narrow activations as separate kernels: INT8 with a scale for each token, FP8 with one for the tensor."""
    integers = form is torch.int8
    most = 127 if integers else 448
    scale = ((x.abs().amax(-1, keepdim=True) if integers else x.abs().amax()) / most).clamp(min=1e-8)
    scaled = x / scale
    return (scaled.round() if integers else scaled).clamp(-most, most).to(form), scale.float()


def products() -> Cases:
    """Products of 4 and 8 bits alone, and BF16 beside them."""
    one = torch.ones((), device="cuda")
    for inputs, outputs in NARROW:
        n = copies(0.5 * inputs * outputs, most=48)
        packed = [
            torch._convert_weight_to_int4pack(
                torch.randint(0, 255, (outputs, inputs // 2), dtype=torch.uint8, device="cuda"), 8
            )
            for _ in range(n)
        ]
        scales = torch.rand(inputs // 128, outputs, 2, dtype=torch.bfloat16, device="cuda")
        whole = [torch.randint(-9, 9, (outputs, inputs), dtype=torch.int8, device="cuda") for _ in range(n // 2 + 1)]
        narrow = [w.to(torch.float8_e4m3fn).t() for w in whole]
        wide = [w.to(torch.bfloat16) for w in whole[: n // 4 + 1]]
        for tokens in (1, 2, 4, 8, 16, 32, 64, 128, 512, 2048, 4096):
            x, shape = torch.randn(tokens, inputs, device="cuda").bfloat16(), f"{tokens}x{inputs}x{outputs}"
            few = packed if tokens < 200 else packed[:4]
            yield "int4", shape, [lambda w=w, x=x, s=scales: torch._weight_int4pack_mm(x, w, 128, s) for w in few]
            if tokens > 4:
                yield "bf16", shape, [lambda w=w, x=x: x @ w.t() for w in wide]
            if tokens < 32:
                continue
            i8, f8 = quantised(x, torch.int8)[0], quantised(x, torch.float8_e4m3fn)[0]
            yield "int8", shape, [lambda w=w, x=i8: torch._int_mm(x, w.t()) for w in whole]
            yield (
                "fp8",
                shape,
                [
                    lambda w=w, x=f8: torch._scaled_mm(x, w, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
                    for w in narrow
                ],
            )


def around() -> Cases:
    """What surrounds a product of 8 bits, and FP32 products."""
    for inputs, outputs in WIDE:
        weights = [torch.randn(outputs, inputs, device="cuda") for _ in range(copies(4.0 * inputs * outputs, most=30))]
        for tokens in (1, 2, 4, 8, 16, 32, 64, 128, 512):
            x = torch.randn(tokens, inputs, device="cuda")
            yield "fp32 linear", f"{tokens}x{inputs}x{outputs}", [lambda w=w, x=x: F.linear(x, w) for w in weights]
    for tokens in (32, 64, 128, 512, 2048, 4096):
        for width in (4096, 14336):
            x = torch.randn(tokens, width, device="cuda").bfloat16()
            yield "quantise int8", f"{tokens}x{width}", [lambda x=x: quantised(x, torch.int8)] * 9
            yield "quantise fp8", f"{tokens}x{width}", [lambda x=x: quantised(x, torch.float8_e4m3fn)] * 9
        sums = torch.randint(-9, 9, (tokens, 4096), dtype=torch.int32, device="cuda")
        row, column = torch.rand(tokens, 1, device="cuda").bfloat16(), torch.rand(4096, device="cuda").bfloat16()
        yield "rescale int8", f"{tokens}x4096", [lambda y=sums, r=row, c=column: y.bfloat16() * r * c] * 9


def attention() -> Cases:
    """FP32 attention of one query: written out, by the framework's choice, and by each of its kernels."""
    for batch, heads, kv_heads, width, keys in DECODE:
        group = heads // kv_heads
        q = torch.randn(batch, heads, 1, width, device="cuda")
        kv = [
            (torch.randn(batch, kv_heads, keys, width, device="cuda"), torch.randn_like(q.expand(-1, -1, keys, -1)))
            for _ in range(copies(8.0 * batch * kv_heads * width * keys, most=20))
        ]
        kv = [(k, v[:, :kv_heads].contiguous()) for k, v in kv]
        shape = f"b{batch} h{heads} kv{kv_heads} d{width} c{keys}"

        def written(k: torch.Tensor, v: torch.Tensor, q: torch.Tensor = q, group: int = group) -> torch.Tensor:
            k, v = (k, v) if group == 1 else (k.repeat_interleave(group, 1), v.repeat_interleave(group, 1))
            return torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5, -1) @ v

        def fused(k: torch.Tensor, v: torch.Tensor, q: torch.Tensor = q, group: int = group) -> torch.Tensor:
            return F.scaled_dot_product_attention(q, k, v, enable_gqa=group > 1)

        yield "fp32 written out", shape, [lambda k=k, v=v: written(k, v) for k, v in kv]
        yield "fp32 default", shape, [lambda k=k, v=v: fused(k, v) for k, v in kv]
        for name, kind in (("math", SDPBackend.MATH), ("fused", SDPBackend.EFFICIENT_ATTENTION)):
            with sdpa_kernel(kind):
                yield f"fp32 {name}", shape, [lambda k=k, v=v: fused(k, v) for k, v in kv]


def main(out: str) -> None:
    """Measure every case and write one CSV."""
    pynvml.nvmlInit()
    handle, name = pynvml.nvmlDeviceGetHandleByIndex(0), torch.cuda.get_device_name(0)
    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("device", "torch", "op", "shape", "seconds", "joules", "power_w"))
        for part in (attention, products, around):
            for op, shape, calls in part():
                try:
                    seconds, joules = measure(calls, handle)
                except RuntimeError as error:
                    print(op, shape, str(error)[:120], file=sys.stderr)
                    continue
                figures = f"{seconds:.6g}", f"{joules:.6g}", f"{joules / seconds:.1f}"
                writer.writerow((name, torch.__version__, op, shape, *figures))
                stream.flush()
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1])
