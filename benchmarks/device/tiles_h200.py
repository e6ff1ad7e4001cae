"""Time and power of products of few tokens, in 16, 8 and 4 bits, of matrices that fill waves of tiles badly or well.

python benchmarks/device/tiles_h200.py OUT.csv SECONDS        (needs PyTorch with CUDA and nvidia-ml-py)

As `lowbit_h200.py` measures products, over 2.1 s between steps of the card's counter (`steps_h200.py`), since 0.9 s tell a
power to a tenth. Weights take turns, so that they come from memory. SECONDS is when to begin no further row; 35 rows
take some 110.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator

import pynvml
import torch
from kernels_h100 import copies
from lowbit_h200 import quantised
from steps_h200 import GROUP, measure

BYTES = {"bf16": 2.0, "fp8": 1.0, "int8": 1.0, "w4a16": 0.5}
INT4 = (  # tokens, inputs, outputs: of decoders whose outputs are not whole waves of 528 blocks of 8
    (32, 5120, 65536), (32, 32768, 5120), (32, 8192, 44032), (32, 22016, 8192), (32, 5120, 28672), (32, 14336, 5120),
    (32, 6656, 35840), (16, 32768, 5120), (16, 5120, 28672),
)  # fmt: skip
WIDE = ((2048, 16384), (8192, 2048), (5120, 28672), (14336, 5120))


def cases() -> Iterator[tuple[str, int, int, int]]:
    """Format, tokens, inputs and outputs of the rows."""
    yield from (("w4a16", *shape) for shape in INT4)
    for tokens in (128, 32):
        yield from ((form, tokens, *shape) for shape in WIDE for form in ("bf16", "fp8", "int8"))
    yield from (("bf16", 512, *shape) for shape in WIDE[:2])


def products(form: str, tokens: int, inputs: int, outputs: int) -> list[Callable[[], torch.Tensor]]:
    """Calls of one product with weights of their own."""
    x = torch.randn(tokens, inputs, device="cuda").bfloat16()
    n = copies(BYTES[form] * inputs * outputs, most=48)
    if form == "w4a16":
        scales = torch.rand(inputs // GROUP, outputs, 2, dtype=torch.bfloat16, device="cuda") / 100
        packed = [
            torch._convert_weight_to_int4pack(
                torch.randint(0, 255, (outputs, inputs // 2), dtype=torch.uint8, device="cuda"), 8
            )
            for _ in range(n)
        ]
        return [lambda w=w: torch._weight_int4pack_mm(x, w, GROUP, scales) for w in packed]
    if form == "bf16":
        wide = [torch.randn(outputs, inputs, device="cuda").bfloat16() for _ in range(n)]
        return [lambda w=w: x @ w.t() for w in wide]
    narrow = [torch.randint(-9, 9, (outputs, inputs), dtype=torch.int8, device="cuda") for _ in range(n)]
    if form == "int8":
        i8 = quantised(x, torch.int8)[0]
        return [lambda w=w: torch._int_mm(i8, w.t()) for w in narrow]
    one, f8 = torch.ones((), device="cuda"), quantised(x, torch.float8_e4m3fn)[0]
    float8 = [w.to(torch.float8_e4m3fn).t() for w in narrow]
    return [lambda w=w: torch._scaled_mm(f8, w, scale_a=one, scale_b=one, out_dtype=torch.bfloat16) for w in float8]


@torch.inference_mode()
def main(out: str, until: float) -> None:
    """Measure every case and write one CSV."""
    pynvml.nvmlInit()
    handle, begin = pynvml.nvmlDeviceGetHandleByIndex(0), time.perf_counter()
    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("device", "torch", "format", "tokens", "inputs", "outputs", "seconds", "power_w", "clock_mhz",
                         "temperature_c"))  # fmt: skip
        for case in cases():
            if time.perf_counter() - begin > until:
                print("out of time", flush=True)
                return
            try:
                calls = products(*case)
                seconds, watts, clock, heat = measure(lambda calls=calls: [call() for call in calls][-1], handle)
            except (RuntimeError, IndexError) as error:
                print(*case, str(error)[:160], flush=True)
            else:
                figures = f"{seconds / len(calls):.6g}", f"{watts:.1f}", clock, heat
                writer.writerow((torch.cuda.get_device_name(0), torch.__version__, *case, *figures))
                stream.flush()
                print(*case, *figures, flush=True)
            calls = []
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
