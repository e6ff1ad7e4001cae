"""The words that a user chooses from, each list once: files and the Python API take them, the command line offers them.

Nothing is imported here but `typing`: ``--help`` needs the words, and is to be quick.
"""

from typing import Literal

# What the energy holds, each with what those before it hold.
Scope = Literal["arithmetic", "compute", "memory", "device", "facility"]
# How several devices share a model.
Parallel = Literal["tensor", "pipeline", "expert", "data"]
# Pairs scored in the prefill.
AttentionSpan = Literal["causal", "full"]
# Prefill positions that get logits.
Logits = Literal["last", "all", "none"]
# Conventions of counting.
Counting = Literal["serving", "traced"]
# Width of integer additions.
Accumulator = Literal["paper", "int32"]
# What the draws of a range follow.
Distribution = Literal["triangular", "lognormal"]
# What varies while a saving is looked for.
BreakEvenAxis = Literal["batch", "context"]
# What a break-even is asked by: a saving along an axis, or what use has to pay back.
BreakEvenBy = Literal["saving", "served-tokens"]
# The training that use has to pay back: all of it, or what it takes beyond that of a plain model.
PaidTraining = Literal["whole", "extra"]
# What the backward pass recomputes instead of keeping it.
Recompute = Literal["none", "selective", "full"]
# What turns gradients into steps.
Optimizer = Literal["adamw", "adamw-8bit", "sgd", "muon"]
# The copy of the weights that the optimiser adds to.
Master = Literal["fp32", "none"]
# Where partitions of a sweep run.
Engine = Literal["processes", "dask"]
# Where a page has its chart library.
Plotly = Literal["inline", "none"]
# How an estimate is laid out: as the proof of its verdict, or as papers do.
TableForm = Literal["verdict", "paper"]
# What a comparison is by: energy alone, or against the quality that is left.
ComparedBy = Literal["energy", "quality"]
# What can be listed.
Listing = Literal[
    "models", "hardware", "precisions", "runtimes", "studies", "links", "hosts", "grids", "quality", "laws"
]  # fmt: skip
# What a published figure of quality is, accuracy in percent.
QualityMetric = Literal["perplexity", "accuracy"]
# Kinds of files that have a schema.
FileKind = Literal[
    "model",
    "hardware",
    "precision",
    "runtime",
    "training-runtime",
    "study",
    "sweep",
    "links",
    "grids",
    "measured",
    "constants",
    "accuracy",
    "ranges",
    "quality",
    "laws",
]
