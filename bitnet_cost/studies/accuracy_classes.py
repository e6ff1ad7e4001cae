"""The classes of measured rows, each with its title and the errors that it is held to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccuracyClass:
    """A kind of figure that is scored together; targets in percent, None where none was set."""

    name: str
    title: str
    median: float | None = None
    p90: float | None = None
    witness: bool = False  # of systems that the model does not describe: shown, and free to become worse


CLASSES = {
    c.name: c
    for c in (
        AccuracyClass("decode-1", "decode time, batch 1 (vLLM, TensorRT-LLM, llama.cpp on GPUs)", 4, 13),
        AccuracyClass("decode-64", "decode time, batch 2 to 64", 4, 12),
        AccuracyClass("decode-other", "decode time, other software, CPUs, phones and accelerators"),
        AccuracyClass("prefill", "prefill time", 5.5, 20),
        AccuracyClass("prefill-other", "prefill time, phones and accelerators"),
        AccuracyClass("power", "power of GPUs at a fixed batch", 3.5, 13),
        AccuracyClass("energy", "energy per token at a fixed batch", 8, 20),
        AccuracyClass("power-program", "power of another program's steps than those that say how high prices are"),
        AccuracyClass("energy-program", "its energy per token"),
        AccuracyClass("serving-energy-dense", "energy per token of a server, dense models", 8, 28),
        AccuracyClass("serving-energy-moe", "energy per token of a server, mixtures of experts", 14, 38),
        AccuracyClass("serving-rate-dense", "time per token of a server, dense models", 8, 28),
        AccuracyClass("serving-rate-moe", "time per token of a server, mixtures of experts", 14, 38),
        AccuracyClass("serving-power-dense", "power of a server, dense models", 22),
        AccuracyClass("serving-power-moe", "power of a server, mixtures of experts", 22),
        AccuracyClass("serving-step", "time per token of a server that also works on prompts"),
        AccuracyClass("memory", "memory", 1, 6),
        AccuracyClass("ratio", "time of 16 bits over a narrower precision, 3B and more", 10),
        AccuracyClass("ratio-small", "the same, smaller models"),
        AccuracyClass("operators-time", "time of single products", 9, 20),
        AccuracyClass("operators-energy", "energy of single products of 2.5e11 MACs and more", 8, 20),
        AccuracyClass("operators-energy-small", "the same, smaller ones"),
        AccuracyClass("operators-power", "power of single products, given their time", 12, 35),
        AccuracyClass("exchange-time", "time of an all-reduce between GPUs", 8, 15),
        AccuracyClass("exchange-energy", "energy and power of an all-reduce", 8, 15),
        AccuracyClass("training-time-dense", "time of a training step, dense models, as others published it", 8, 22),
        AccuracyClass("training-time-moe", "the same, mixtures of experts", 14, 32),
        AccuracyClass("training-time-own", "time of a training step and of its parts on one or two GPUs", 6, 15),
        AccuracyClass("training-energy-own", "energy of a training step", 8, 18),
        AccuracyClass("training-energy-node", "the same, of whole nodes with their hosts (MLPerf)", 15),
        AccuracyClass("training-memory-own", "peak memory of a training step", 5, 12),
        AccuracyClass("training-memory-published", "the same, as others published it"),
        AccuracyClass("load-token", "time per token of a server under load", 6, 15),
        AccuracyClass("load-first-token", "time to the first token below 80 % of the largest rate", 25, 25),
        AccuracyClass("load-batch", "mean batch of a server under load", 12, 30),
        AccuracyClass("load-power", "power of a server under load", 6, 12),
        AccuracyClass("load-energy", "energy per token of a server under load", 6, 15),
        AccuracyClass("load-busy-token", "time per token of a busy server, from the rate that it completed"),
        AccuracyClass("load-busy-batch", "its mean batch, likewise"),
        AccuracyClass("load-busy-power", "its power, likewise"),
        AccuracyClass("load-busy-energy", "its energy per token, likewise"),
        AccuracyClass("load-published", "time per token and batch of overloaded servers, as others published them"),
        AccuracyClass("load-mlperf", "tokens/s of whole systems tuned to their limit (MLPerf Inference)", witness=True),
        AccuracyClass("load-mlperf-energy", "their energy per token, hosts and supplies with it", witness=True),
    )
}
