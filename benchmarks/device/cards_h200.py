"""By how much cards of one device differ: the same steps on every card that a machine has, all of them at once.

python benchmarks/device/cards_h200.py OUT.csv        (needs PyTorch with CUDA and nvidia-ml-py)

The steps are those of Llama-3-8B that `steps_h200.py` measures, and three kernels that show what a difference is of:
a card that only has a context, a read of memory alone, and a product at the power limit. Rows are appended, so that
machines can be measured one after the other; a card is known by the first eight digits of its UUID.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Callable

import pynvml
import torch
from steps_h200 import SHAPES, Decoder, measure

MODEL = "llama-3-8b"
STEPS = (
    ("bf16", "prefill", 1, 512),
    ("bf16", "prefill", 8, 512),
    ("bf16", "decode", 1, 511),
    ("bf16", "decode", 8, 511),
    ("bf16", "decode", 32, 511),
    ("fp8", "prefill", 8, 512),
    ("fp8", "decode", 32, 511),
    ("w4a16", "decode", 1, 511),
    ("w4a16", "decode", 8, 511),
    ("w4a16", "decode", 32, 511),
)


def kernels() -> list[tuple[str, Callable[[], torch.Tensor]]]:
    """A read of 4 GB, a product of 8,192 a side, and one of 1,024."""
    wide = torch.randn(1 << 30, device="cuda")
    large, small = (torch.randn(n, n, device="cuda").bfloat16() for n in (8192, 1024))
    return [("read", wide.sum), ("product 8192", lambda: large @ large), ("product 1024", lambda: small @ small)]


@torch.inference_mode()
def one(index: int, out: str) -> None:
    """Measure one card and append its rows to a CSV of its own."""
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    torch.cuda.set_device(index)
    uuid = pynvml.nvmlDeviceGetUUID(handle).removeprefix("GPU-")[:8]
    limit = pynvml.nvmlDeviceGetPowerManagementLimit(handle) / 1e3
    torch.zeros(1, device="cuda")
    time.sleep(2)
    before, start = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), time.perf_counter()
    time.sleep(2)
    after, end = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), time.perf_counter()
    heat = pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)
    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)

        def row(*what: object, seconds: float, watts: float, clock: int, heat: int) -> None:
            writer.writerow(
                (uuid, torch.cuda.get_device_name(index), limit, *what, f"{seconds:.6g}", f"{watts:.1f}", clock, heat)
            )
            stream.flush()

        row(
            "context", "", "", "", seconds=end - start, watts=(after - before) / 1e3 / (end - start), clock=0, heat=heat
        )
        for name, kernel in kernels():
            seconds, watts, clock, heat = measure(kernel, handle)
            row(name, "", "", "", seconds=seconds, watts=watts, clock=clock, heat=heat)
        torch.cuda.empty_cache()
        now, decoder = "", None
        for precision, phase, batch, prompt in STEPS:
            if precision != now:
                decoder = None
                torch.cuda.empty_cache()
                now, decoder = precision, Decoder(SHAPES[MODEL], precision)
            width, cached = (prompt, prompt) if phase == "prefill" else (1, prompt + 1)
            seconds, watts, clock, heat = measure(decoder.work(batch, width, cached), handle)
            row(precision, phase, batch, prompt, seconds=seconds, watts=watts, clock=clock, heat=heat)
            torch.cuda.empty_cache()


def main(out: str) -> None:
    """Measure all cards at once, each in a process of its own, and append what they say."""
    count = pynvml.nvmlDeviceGetCount()
    parts = [f"{out}.{i}" for i in range(count)]
    running = [subprocess.Popen([sys.executable, __file__, part, str(i)]) for i, part in enumerate(parts)]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit("a card failed")
    fresh = not os.path.exists(out)
    with open(out, "a", encoding="utf-8") as stream:
        if fresh:
            stream.write("card,device,limit_w,what,phase,batch,prompt,seconds,power_w,clock_mhz,temperature_c\n")
        for part in parts:
            with open(part, encoding="utf-8") as rows:
                stream.write(rows.read())
            os.remove(part)


if __name__ == "__main__":
    pynvml.nvmlInit()
    if len(sys.argv) > 2:
        one(int(sys.argv[2]), sys.argv[1])
    else:
        main(sys.argv[1])
