"""Time and energy of drawing the next token as vLLM draws it, with temperature, top-k and top-p, beside the argmax.

python benchmarks/device/sampler_h200.py OUT.csv        (needs PyTorch with CUDA and nvidia-ml-py)

The steps are those of vLLM 0.11 without FlashInfer's sampler, which it does not take by itself (`apply_top_k_top_p`
and `random_sample` of vllm/v1/sample/ops/topk_topp_sampler.py, Apache-2.0): all entries of the vocabulary are sorted
for every sequence. Models bring the figures of the draw with them (generation_config.json), and servers take them.
"""

from __future__ import annotations

import csv
import sys

import pynvml
import torch
from kernels_h100 import measure

VOCABULARIES = (128256, 151936, 262208)  # Llama 3, Qwen 3, Gemma 3
BATCHES = (1, 8, 64, 256)


def drawn(logits: torch.Tensor, k: torch.Tensor | None, p: torch.Tensor | None) -> torch.Tensor:
    """One token of each row, after the largest ``k`` and then the likeliest ``p`` are kept."""
    wide = logits.float() / 0.6
    if k is not None or p is not None:
        ordered, index = wide.sort(dim=-1, descending=False)
        if k is not None:
            least = ordered.gather(1, (ordered.shape[1] - k).unsqueeze(1))
            ordered.masked_fill_(ordered < least, -float("inf"))
        if p is not None:
            shares = ordered.softmax(dim=-1)
            summed = torch.cumsum(shares, dim=-1, out=shares)
            rest = summed <= 1 - p.unsqueeze(1)
            rest[:, -1] = False
            ordered.masked_fill_(rest, -float("inf"))
        wide = ordered.scatter(dim=-1, index=index, src=ordered)
    shares = wide.softmax(dim=-1, dtype=torch.float32)
    return shares.div_(torch.empty_like(shares).exponential_()).argmax(dim=-1)


def main() -> None:
    """Write a row for each way to draw, vocabulary and batch."""
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    with open(sys.argv[1], "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kernel", "batch", "vocabulary", "seconds", "joules"])
        for vocabulary in VOCABULARIES:
            for batch in BATCHES:
                x = torch.randn(batch, vocabulary, device="cuda").bfloat16() * 3
                k = torch.full((batch,), 20, device="cuda")
                p = torch.full((batch,), 0.95, device="cuda")
                ways = {
                    "argmax": lambda x=x: x.float().argmax(dim=-1),
                    "draw": lambda x=x: drawn(x, None, None),
                    "draw-top-p": lambda x=x, p=p: drawn(x, None, p),
                    "draw-top-k-top-p": lambda x=x, k=k, p=p: drawn(x, k, p),
                }
                for name, way in ways.items():
                    seconds, joules = measure([way], handle)
                    writer.writerow([name, batch, vocabulary, f"{seconds:.4g}", f"{joules:.4g}"])
                file.flush()


if __name__ == "__main__":
    main()
