"""Products at the limit of a GPU's power, alone and beside kernels that draw little: time, power, clocks.

python benchmarks/device/limit_h200.py OUT.csv                     (needs PyTorch with CUDA, Triton and nvidia-ml-py)
python benchmarks/device/limit_h200.py OUT.csv RANK                (two processes, ranks 0 and 1, on two GPUs)

On one GPU a captured graph repeats some products and then a pause, in which one thread watches the clock of the card, or
elementwise kernels; of single products by share of the pause, then by its length. On two GPUs the products of layers
that both share, each half as wide, with all-reduces of their sums, without, and the all-reduces alone. Random normal
operands, copies of the weights take turns. Energy is between steps of the card's counter, over 1.2 s or more.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pynvml
import torch
import torch.distributed as dist
import triton
import triton.language as tl
from triton.language.extra.cuda import globaltimer

FP8 = torch.float8_e4m3fn
SHARES = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6)
LARGE = (4096, 8192, 8192)
OTHERS = ((512, 4096, 4096), (512, 4096, 14336), (2048, 4096, 6144), (2048, 2048, 4096))
SHARED = ((4096, 14336, 8), (6144, 16384, 6))  # hidden size, feed-forward size, layers
Work = Callable[[], object]


@triton.jit  # type: ignore[untyped-decorator]
def spin(out: Any, nanoseconds: Any) -> None:
    """One thread watches the clock."""
    began = globaltimer()
    now = began
    while now - began < nanoseconds:
        now = globaltimer()
    tl.store(out, now)


def normal(*shape: int) -> torch.Tensor:
    """Random operands."""
    return torch.randn(*shape, device="cuda", dtype=torch.bfloat16)


def in_format(name: str, x: torch.Tensor) -> torch.Tensor:
    """The same in a format."""
    if name == "int8":
        return (x * 32).round().to(torch.int8)
    return x.to({"bf16": torch.bfloat16, "fp32": torch.float32, "fp8": FP8}[name])


def products(name: str, tokens: int, inputs: int, outputs: int, copies: int) -> Callable[[int], torch.Tensor]:
    """Products with some copies of their weights."""
    x = in_format(name, normal(tokens, inputs))
    weights = [in_format(name, normal(outputs, inputs)).t() for _ in range(copies)]
    one = torch.ones((), device="cuda")
    if name == "fp8":
        return lambda i: torch._scaled_mm(x, weights[i % copies], scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
    return lambda i: (torch._int_mm if name == "int8" else torch.mm)(x, weights[i % copies])


class Card:
    """A card and its counters."""

    def __init__(self, number: int) -> None:
        pynvml.nvmlInit()
        self.handle = pynvml.nvmlDeviceGetHandleByIndex(number)

    def step(self) -> tuple[float, float]:
        """When the counter of energy moves next, and what it says then.  [s], [J]"""
        first = last = pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)
        while last == first:
            last = pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)
        return time.perf_counter(), last / 1e3

    def measure(self, work: Work, window: float, together: Work = lambda: None) -> tuple[float, str, int, int]:
        """Seconds of a graph's replay, mean power, mean clock, temperature; ``together``: as other processes begin."""
        graph = torch.cuda.CUDAGraph()
        for _ in range(2):
            work()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            work()

        def replays(many: int) -> float:
            began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            waiting: list[torch.cuda.Event] = []
            began.record()
            for _ in range(many):
                graph.replay()
                waiting.append(torch.cuda.Event())
                waiting[-1].record()
                if len(waiting) > 3:
                    waiting.pop(0).synchronize()
                    clocks.append(pynvml.nvmlDeviceGetClockInfo(self.handle, pynvml.NVML_CLOCK_SM))
            ended.record()
            ended.synchronize()
            return began.elapsed_time(ended) / 1e3 / many

        clocks: list[int] = []
        together()
        each = replays(5)
        replays(int(0.5 / each) + 4)
        clocks.clear()
        together()
        (began, before), seconds, (ended, after) = self.step(), replays(int(window / each) + 4), self.step()
        heat = pynvml.nvmlDeviceGetTemperature(self.handle, pynvml.NVML_TEMPERATURE_GPU)
        return seconds, f"{(after - before) / (ended - began):.1f}", round(sum(clocks) / len(clocks)), heat


def alone(out: str) -> None:
    """One GPU."""
    card, place = Card(0), torch.zeros(1, device="cuda", dtype=torch.int64)
    far, near = normal(1 << 27), normal(1 << 22)
    far_out, near_out = torch.empty_like(far), torch.empty_like(near)
    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("what", "products", "beside", "pause_us", "seconds", "power_w", "clock_mhz", "temperature_c"))

        def row(
            what: str, one: Callable[[int], object], many: int, beside: str, us: float = 0.0, window: float = 1.2
        ) -> float:
            fillers: dict[str, Work] = {
                "": lambda: None,
                "pause": lambda: spin[(1,)](place, int(us * 1000)),
                "add in memory": lambda: torch.add(far, 1, out=far_out),
                "30 add in L2": lambda: [torch.add(near, 1, out=near_out) for _ in range(30)],
            }

            def once() -> None:
                for i in range(many):
                    one(i)
                fillers[beside]()

            seconds, *figures = card.measure(once, window)
            writer.writerow((what, many, beside, f"{us:.1f}", f"{seconds:.6g}", *figures))
            stream.flush()
            return seconds

        row("", lambda i: None, 0, "pause", 2000)
        for name, many in (("fp8", 4), ("int8", 3), ("fp32", 1), ("bf16", 2)):
            one = products(name, *LARGE, 4)
            what = f"{name} {'x'.join(map(str, LARGE))}"
            busy = row(what, one, many, "")
            for share in SHARES:
                row(what, one, many, "pause", busy * 1e6 * share / (1 - share))
        for many in (1, 8, 64, 512, 2048):
            row(what, one, many, "pause", many * 205, 5 if many > 99 else 1.5)
        for beside in ("add in memory", "30 add in L2"):
            row("", lambda i: None, 0, beside)
            for many in (1, 2):
                row(what, one, many, beside)
        for shape in OTHERS:
            one = products("bf16", *shape, 6)
            what = f"bf16 {'x'.join(map(str, shape))}"
            busy = row(what, one, 20, "")
            for share in (0.1, 0.2, 0.4):
                row(what, one, 20, "pause", busy * 1e6 * share / (1 - share))


def shared(out: str, rank: int) -> None:
    """Two GPUs."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", rank=rank, world_size=2, device_id=torch.device("cuda", rank))
    card = Card(rank)
    with open(out, "w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            ("rank", "what", "hidden", "ffn", "layers", "tokens", "seconds", "power_w", "clock_mhz", "temperature_c")
        )
        for hidden, ffn, layers in SHARED:
            widths = ((hidden, hidden * 3 // 4), (hidden // 2, hidden), (hidden, ffn), (ffn // 2, hidden))
            weights = [[normal(outputs, inputs).t() for inputs, outputs in widths] for _ in range(layers)]
            for tokens in (512, 2048, 4096):
                inputs, sums = [normal(tokens, width) for width, _ in widths], normal(tokens, hidden) * 0

                def once(works: bool, sends: bool, inputs: list[torch.Tensor], sums: torch.Tensor, layers: Any) -> None:
                    for layer in layers:
                        for i, (x, weight) in enumerate(zip(inputs, layer, strict=True)):
                            if works:
                                torch.mm(x, weight)
                            if sends and i % 2:
                                dist.all_reduce(sums)

                for what, works, sends in (("both", True, True), ("products", True, False), ("exchange", False, True)):
                    work = partial(once, works, sends, inputs, sums, weights)
                    seconds, *figures = card.measure(work, 1.6, dist.barrier)
                    writer.writerow((rank, what, hidden, ffn, layers, tokens, f"{seconds:.6g}", *figures))
                    stream.flush()
                    dist.barrier()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        shared(sys.argv[1], int(sys.argv[2]))
    else:
        alone(sys.argv[1])
