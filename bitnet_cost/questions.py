"""What can be asked, each thing once: its name on the command line, what it means and what holds where it is left out.

The fields of `Scenario`, of sweeps and of studies, and the options of the commands take their words from here. Nothing
is imported but `typing`: ``--help`` needs the words, and is to be quick.
"""

from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One thing that can be asked.

    >>> DEVICES.help, PUE.description
    ('Devices that share the model.', 'facility energy / device energy, for --scope facility')
    """

    flags: tuple[str, ...]
    meaning: str  # in words, without a capital or a full stop
    default: Any = None
    left_out: str = ""  # what holds then, where that is no one value
    metavar: str | None = None
    names: str = ""  # the kind of entry of the catalogue that is named, which a shell completes

    @property
    def help(self) -> str:
        """The text of an option."""
        ends = f" Default: {self.left_out}." if self.left_out else ""
        return f"{self.meaning[0].upper()}{self.meaning[1:]}.{ends}"

    @property
    def description(self) -> str:
        """The text of a field."""
        return f"{self.meaning}; left out: {self.left_out}" if self.left_out else self.meaning


# fmt: off
BATCH = Asked(("--batch", "-b"), "sequences that run together", 1)
PROMPT = Asked(("--prompt", "--context"), "prompt tokens of each sequence", 512)
GENERATE = Asked(("--generate",), "generated tokens of each sequence", left_out="128 for decoders on devices, else 1")
ATTENTION = Asked(("--attention",), "pairs scored in the prefill: P(P+1)/2 (causal) or P^2 (full)",
    left_out="causal; encoders: full")
LOGITS = Asked(("--logits",), "positions of the prefill that get logits", "last")
COUNTING = Asked(("--counting",), "what good serving software does, or the convention of a tracing counter", "serving")
SCOPE = Asked(("--scope",), "what the energy holds", left_out="arithmetic on technology nodes, device on devices")
ACCUMULATOR = Asked(("--accumulator",), "price integer additions as the papers do, or as INT32", "paper")
RUNTIME = Asked(("--runtime",), "software on a device", left_out="a tuned one for it", metavar="RUNTIME",
    names="runtime")
DEVICES = Asked(("--devices",), "devices that share the model", 1)
PARALLEL = Asked(("--parallel",),
    "how several devices share the model: every matrix (tensor), layers (pipeline), whole experts (expert), or whole "
    "experts beside attention on sequences of their own (data)", "tensor")
OFFLOAD = Asked(("--offload",),
    "part of the model that the host keeps in its memory, and devices read over their link: routed experts, the weights"
    " of the last N layers, or the KV cache", left_out="nothing", metavar="[experts|layers=N|kv]")
DRAFT = Asked(("--draft",), "model that drafts tokens, which the model checks in one pass; mtp: its own layer for it",
    left_out="none", metavar="MODEL|mtp", names="model")
ACCEPT = Asked(("--accept",), "probability that a drafted token is accepted, 0 to 1; with --draft", metavar="A")
DRAFT_TOKENS = Asked(("--draft-tokens",), "tokens drafted in each round", left_out="5; 1 for mtp", metavar="K")

# What only the commands ask.
MODEL = Asked((), "catalogue name, YAML file, config.json (or its folder), .gguf, or a size like 175B", metavar="MODEL",
    names="model")
PRICED_BY = Asked(("--prices",), "published values of a profile to price with; A,B for several", left_out="own",
    metavar="NAME", names="prices")
NODE = Asked(("--node",), "a technology node, as 5nm, scaled from a published one", metavar="NM")
SCALED_FROM = Asked(("--scaled-from",), "the published node that --node is scaled from", "45nm", metavar="NM")
SCALED_BY = Asked(("--by",), "the rule of --node: published-tables, stillmaker-baas, foundry or dennard",
    left_out="each that reaches it, side by side", metavar="RULE")
PAGE_CHARTS = Asked(("--plotly",), "HTML: charts in the file (inline), or tables alone (none)")
OUTPUT = Asked(("--output", "-o"),
    "write to a file, only when complete; its ending (.txt .json .csv .md .tex .html) says the format", metavar="FILE")
FILE = Asked(("--output", "-o"), "write to a file, only when complete, instead of stdout", metavar="FILE")
TABLE = Asked(("--table",), "how energies are laid out; paper: models and precisions down, hardware across")
NOTES = Asked(("--notes",), "all notes and the tables behind the answer")
BASELINE = Asked(("--baseline",), "savings are against this", left_out="fp32 on nodes, fp16 on devices",
    metavar="PRECISION", names="precision")
HARDWARE = Asked(("--hardware", "-H", "--gpu"), "name or YAML file; A,B for several",
    left_out="cmos-45nm, cmos-7nm", metavar="HARDWARE", names="hardware")
PRECISIONS = Asked(("--precision", "-p"),
    "name, YAML file, 'file' (as stored) or w<bits>a<bits>[kv<bits>]; A,B for several",
    left_out="fp32, fp16, int8, bitnet", metavar="PRECISION", names="precision")
PUE = Asked(("--pue",), "facility energy / device energy, for --scope facility")
HOST = Asked(("--host",), "server around the devices, whose power --scope facility then holds: see 'list hosts'",
    left_out="none", metavar="HOST")
CARBON_OF_GRID = Asked(("--carbon",), "a country code such as deu, 'world', or g/kWh", metavar="GRID|G/KWH")
PRICE = Asked(("--price",), "price of electricity in USD per kWh, or a country code for what businesses pay there",
    metavar="GRID|USD/KWH")
DEVICE_HOUR = Asked(("--device-hour",), "rent or depreciation of one device in USD per hour of work")
EMBODIED = Asked(("--embodied",), "CO2e of making one device, spread over its lifetime", metavar="KG|profile")
LIFETIME = Asked(("--lifetime",), "years of work of a device, for --embodied")
LINK = Asked(("--link",), "between devices: nvlink-4, pcie-5, ethernet-400g ..", left_out="its own", metavar="LINK")
BETWEEN = Asked(("--between",), "link between nodes: infiniband-ndr, roce-200g, omni-path-4x100g ..",
                left_out="infiniband-ndr", metavar="LINK")
SET = Asked(("--set",), "a figure of the hardware or the runtime instead of the profile's, with its unit, as"
    " hierarchy.hbm.bandwidth='4 TB/s'; repeat", metavar="PATH=VALUE")
REQUESTS_PER_DAY = Asked(("--requests-per-day",), "adds energy, carbon and cost of a day and a year")
HARDWARE_SIDE_BY_SIDE = Asked(("--hardware", "-H", "--gpu"), "name or YAML file; A,B for several",
    left_out="every device",
    metavar="HARDWARE", names="hardware")
PRECISIONS_SIDE_BY_SIDE = Asked(("--precision", "-p"),
    "name, YAML file, 'file' (as stored) or w4a8kv8; A,B for several",
    left_out="fp16, int8, int4, bitnet-b1.58", metavar="PRECISION", names="precision")
BASELINE_SIDE_BY_SIDE = Asked(("--baseline",),
    "savings are against this. Default: fp32 on nodes, fp16 on devices; where that has no energy, the widest",
    metavar="PRECISION", names="precision")
SEED = Asked(("--seed",), "seed of the draws")
DISTRIBUTION = Asked(("--distribution",), "what the draws of a range follow")
SENSITIVITY = Asked(("--sensitivity",), "adds the figures that move energy and saving most, one at a time")
DRAWS_ADDED = Asked(("--draws",), "adds percentiles over N draws of measured errors, or of every price", metavar="N")
MODELS = Asked((), "catalogue names, YAML files, config.json or sizes like 175B", metavar="MODEL...", names="model")
SORT = Asked(("--sort",), "order by energy, tokens, memory, saving, ..., best first; -COLUMN: worst first",
    metavar="COLUMN")
BY = Asked(("--by",), "rank by energy, or set energy against published quality", "energy")
WHERE = Asked(("--where",), "filter, as in 'fits and tokens_per_s > 20'", metavar="EXPR")
AT_EQUAL_LOSS = Asked(("--at-equal-loss",), "the sizes at which the other precisions have the loss of the widest, by"
    " published scaling laws, and what both cost")
SUBJECTS = Asked((), "models as for compare, or one study of the catalogue", metavar="MODEL...|STUDY", names="model")
REPORT_OUTPUT = Asked(("--output", "-o"), "the file", left_out="stdout", metavar="FILE.html")
FIGURE = Asked(("--figure",), "one chart alone, by its name in the page: -o FILE.png, .svg or .pdf", metavar="NAME")
OPEN = Asked(("--open",), "open the written file in the browser")
MODEL_TO_FIT = Asked((), "as for estimate", left_out="every model of the catalogue, the largest that fit first",
    metavar="[MODEL]", names="model")
SCOPE_EXPLORED = SCOPE._replace(left_out="facility: the device's energy, times a PUE that begins at 1")
CARBON_EXPLORED, PRICE_EXPLORED = CARBON_OF_GRID._replace(left_out="world"), PRICE._replace(left_out="0")
HARDWARE_EXPLORED = Asked(("--hardware", "-H", "--gpu"), "device; A,B for several",
    left_out="h100-sxm-80gb, rtx-4090, apple-m1-pro-gpu-14c", metavar="HARDWARE", names="hardware")
HARDWARE_TO_FIT = Asked(("--hardware", "-H", "--gpu"), "device; A,B for several", metavar="HARDWARE", names="hardware")
PRECISIONS_TO_FIT = Asked(("--precision", "-p"),
    "name, YAML file, 'file' (as stored) or w<bits>a<bits>[kv<bits>]; A,B for several",
    left_out="fp32, fp16, int8, int4, bitnet-b1.58, bitnet", metavar="PRECISION", names="precision")
LISTED = Asked((),
    "what to list: models, hardware, precisions, runtimes, studies, links, hosts, grids, quality or laws",
    metavar="KIND")
FITTED_LAW = Asked((), "a law of 'list laws' whose points are published and its constants are not", metavar="LAW")
LISTED_WITH = Asked((), "only entries with each of these words, as in 'list models llama'", metavar="[WORD]...")
LISTED_KIND = Asked(("--kind",), "hardware of kinds: gpu, igpu, tpu, cpu, soc, phone, board, mcu, npu, technology",
    metavar="KIND")
LISTED_MEMORY = Asked(("--memory",), "hardware with at least so much memory, as in 24GB", metavar="SIZE")
LISTED_YEAR = Asked(("--year",), "hardware first sold in a year, or in years as in 2023-2025, 2024- or -2020",
    metavar="YEARS")
HELPED = Asked((), "the command to explain", left_out="all, in a line each", metavar="[COMMAND]")
ENTRY = Asked((), "a name that 'list' prints, of any kind, or a file", metavar="NAME")
CHECKED = Asked((), "your own YAML files", metavar="FILE...")
MEASURED_FOR = Asked(("--seconds",), "time for all measurements, about", 100.0)
MEASURED_WITH = Asked(("--library",), "what runs the products", left_out="torch where it is installed, else numpy")
WALL_IDLE = Asked(("--idle-watts",), "power at rest that a wall meter shows, where the machine has no counter")
WALL_LOAD = Asked(("--load-watts",), "power at work that a wall meter shows, where the machine has no counter")
FITTED_FROM = Asked((), "CSV files of 'calibrate measure', llama-bench, vllm bench or ML.ENERGY", metavar="FILE...")
FITTED_NAME = Asked(("--name",), "name of the profile", left_out="of the file that is written")
FITTED_LIKE = Asked(("--like",), "the shipped device whose figures hold where rows say nothing", left_out="the nearest",
    metavar="HARDWARE", names="hardware")
FITTED_MODEL = Asked(("--model", "-m"), "the model of rows that name none", metavar="MODEL", names="model")
FITTED_PRECISION = Asked(("--precision", "-p"), "the precision of rows that name none", left_out="bf16",
    metavar="PRECISION", names="precision")
DRAFTED = Asked((), "what the file is of: hardware, model, precision or runtime", metavar="KIND")
SCHEMA_OF = Asked((), "kind of file")
CONFIG = Asked((), "a Hugging Face config.json, its folder, a .gguf, or with the extra 'hub' an id", metavar="CONFIG")
MODEL_NAME = Asked(("--name",), "name of the model", left_out="of the file or folder")
STUDIES = Asked((), "names or YAML files; with --measured classes", left_out="all", metavar="[STUDY|CLASS]...",
    names="study")
MEASURED_ROWS = Asked(("--measured",), "against rows that others measured, by class")
LEAVE_ONE_OUT = Asked(("--leave-one-out",), "with --measured: each device without its rows in the calibration")
PLOT = Asked(("--plot",), "with --measured: modelled against measured", metavar="FILE.html")
CELL = Asked(("--cell",),
    "a column of estimate, layers, fit or compare, for a part of it as op:decode:q, seconds:q, mac:q,"
    " group:prefill:linear, component:hbm, share:component:hbm, or must_stay:80",
    metavar="CELL")
HARDWARE_EXPLAINED = Asked(("--hardware", "-H", "--gpu"), "one of them", metavar="HARDWARE", names="hardware")
PRECISION_EXPLAINED = Asked(("--precision", "-p"), "one of them", metavar="PRECISION", names="precision")
HARDWARE_BROKEN_EVEN = Asked(("--hardware", "-H", "--gpu"), "device or node", metavar="HARDWARE", names="hardware")
PRECISION_SAVING = Asked(("--precision", "-p"), "the precision that should save", metavar="PRECISION",
    names="precision")
SAVED_ON = Asked(("--baseline",), "what it should save on", left_out="fp16 on devices, fp32 on nodes",
    metavar="PRECISION", names="precision")
SAVING_WANTED = Asked(("--saving",), "the saving wanted, or claimed", metavar="PERCENT")
RUNTIMES = Asked(("--runtime",), "A,B for several, or 'all'", left_out="a tuned one for the device",
    metavar="RUNTIME", names="runtime")
DRAWS_OF_RANGE = Asked(("--draws",), "draws of measured errors, or of every price, for the range", metavar="N")
SWEEP_FILE = Asked((), "a sweep as YAML; options add to it", metavar="[STUDY.yaml]")
SWEPT_MODELS = Asked(("--model", "-m"), "name, file or size; A,B for several", metavar="MODEL", names="model")
SWEPT_HARDWARE = Asked(("--hardware", "-H", "--gpu"), "name or YAML file; A,B for several", metavar="HARDWARE",
    names="hardware")
SWEPT_PRECISIONS = Asked(("--precision", "-p"), "name, file or w<bits>a<bits>", metavar="PRECISION", names="precision")
SWEPT_RUNTIMES = Asked(("--runtime",), "software on a device; A,B for several", metavar="RUNTIME", names="runtime")
SWEPT_BATCH = Asked(("--batch", "-b"), "A,B,C or FIRST:LAST:POINTS[:log]", metavar="AXIS")
SWEPT_PROMPT = Asked(("--prompt", "--context"), "A,B,C or FIRST:LAST:POINTS[:log]", metavar="AXIS")
SWEPT_GENERATE = Asked(("--generate",), "A,B,C or FIRST:LAST:POINTS[:log]", metavar="AXIS")
SWEPT_DEVICES = Asked(("--devices",), "devices that share a model", metavar="A,B,C")
VARY = Asked(("--vary",), "a figure of the profile with its unit, as hierarchy.hbm.bandwidth='1 TB/s:4 TB/s:7'; repeat",
    metavar="PATH=AXIS")
SWEPT_WHERE = Asked(("--where",), "as in 'fits and latency_s < 0.05'; repeat", metavar="FILTER")
OBJECTIVE = Asked(("--objective",), "for --pareto and --top; repeat", metavar="'min|max COLUMN'")
PARETO = Asked(("--pareto",), "keep the Pareto front of the objectives")
TOP = Asked(("--top",), "keep the best N by the first objective")
COLUMNS = Asked(("--columns",), "columns", left_out="all", metavar="A,B,C")
LIMIT = Asked(("--limit",), "only the first N points of the grid")
SWEEP_OUTPUT = Asked(("--output", "-o"), "a .parquet or .csv file, or FOLDER/ of parts", metavar="FILE")
RESUME = Asked(("--resume",), "continue a folder of parts")
DRY_RUN = Asked(("--dry-run",), "say how many points, how long, how many bytes")
WORKERS = Asked(("--workers",), "processes", left_out="one per core")
ENGINE = Asked(("--engine",), "processes here, or a Dask cluster")
ENGINE_NOTES = Asked(("--engine-notes",), "say which cells are compiled, and why others are not")
SCHEDULER = Asked(("--scheduler",), "a running Dask scheduler", left_out="a local one", metavar="ADDRESS")

# Serving under load.
RATE = Asked(("--rate",), "requests per second: one, A,B,C or FIRST:LAST:POINTS[:log]", metavar="RATE")
REQUESTS_OF_DAY = Asked(("--requests-per-day",), "requests of a day, in place of --rate; batch is a result")
PEAK = Asked(("--peak",), "highest rate of the day / its mean; devices are for the highest, energy for the mean", 1.0)
LOAD_PROMPT = PROMPT._replace(meaning="tokens of a prompt, on average")
LOAD_GENERATE = Asked(("--generate",), "tokens generated per request, on average", 128)
CACHED = Asked(("--cached",), "tokens of each prompt that are in the cache already, shared with others", 0)
CV2 = Asked(("--cv2",), "squared coefficient of variation of lengths: 0 all alike, 1 exponential", 0.0)
MAX_BATCH = Asked(("--max-batch",), "most sequences in a step", left_out="as many as fit the memory")
STATIC_CACHE = Asked(("--static-cache",), "positions of a preallocated cache that each step reads whole")
SLO_TTFT = Asked(("--slo-ttft",), "keep the time to the first token, in seconds")
SLO_TPOT = Asked(("--slo-tpot",), "keep the time per token after it, in seconds")
PERCENTILE = Asked(("--percentile",), "of requests that keep --slo-ttft and --slo-tpot, as 99", left_out="their mean")
REPLICAS = Asked(("--replicas",), "copies of the model that share the load", metavar="K|auto",
    left_out="as many as it takes; 1 at a --rate without --slo")
PREFILL_DEVICES = Asked(("--prefill-devices",),
    "more devices of each copy, which take prompts in and hand on their cache")
LOAD_DEVICES = Asked(("--devices",), "devices that share a copy; auto: those that make the fewest in all", "auto",
    metavar="N|auto")
HARDWARE_LOADED = Asked(("--hardware", "-H", "--gpu"), "device; A,B for several", left_out="h100-sxm-80gb",
    metavar="HARDWARE", names="hardware")
BASELINE_OF_LOAD = Asked(("--baseline",), "savings are against this", left_out="fp16, else the first",
    metavar="PRECISION", names="precision")

SWEPT_RATE = Asked(("--rate",), "sweep over loads, requests per second: A,B,C or FIRST:LAST:POINTS[:log]",
    metavar="AXIS")

RATE_COMPARED = Asked(("--rate",), "under load instead of in a batch: requests per second, on --hardware",
    metavar="RATE")

# Training.
TOKENS = Asked(("--tokens",), "tokens of the whole run, as 300B: adds days, energy, carbon, cost", metavar="N")
SEQ = Asked(("--seq",), "tokens of a sequence", left_out="2,048, or what the model was made for")
MICRO_BATCH = Asked(("--micro-batch",), "sequences that a device works on at once", 1)
GLOBAL_BATCH = Asked(("--global-batch",), "sequences of one optimiser step",
    left_out="a million tokens in a run (--tokens), else micro-batch x dp, times four for each stage of a pipeline")
TRAINING_DEVICES = Asked(("--devices",), "devices that train it; auto: the fewest that hold it",
    left_out="dp x tp x pp x cp", metavar="N|auto")
DP = Asked(("--dp",), "data-parallel devices", left_out="devices / (tp x pp x cp)")
TP = Asked(("--tp",), "tensor-parallel devices", 1)
PP = Asked(("--pp",), "stages of a pipeline", 1)
CP = Asked(("--cp",), "context-parallel devices", 1)
EP = Asked(("--ep",), "devices that share experts, of the data-parallel ones", 1)
ZERO = Asked(("--zero",), "divide over data-parallel devices: optimiser states (1), gradients (2), weights (3)", 0)
VIRTUAL_STAGES = Asked(("--virtual-stages",), "stages that each device of a pipeline holds, interleaved", 1)
RECOMPUTE = Asked(("--recompute",), "what the backward pass recomputes instead of keeping it", "none")
OPTIMIZER = Asked(("--optimizer",), "the optimiser", "adamw")
MASTER = Asked(("--master",), "copy of the weights that the optimiser adds to", "fp32")
LORA = Asked(("--lora",), "train adapters of this rank over a base frozen in the precision", metavar="RANK")
TRAINING_COUNTING = Asked(("--counting",), "what training software runs, or the convention of a tracing counter:"
    " whole squares of scores, none recomputed", "serving")
STEP_CELL = Asked(("--cell",), "explain a column of the first precision step by step, as step_s",
    metavar="COLUMN")
TRAINING = Asked(("--training",), "sweep over training steps: --devices, --seq, --micro-batch, --global-batch are axes")
SWEPT_SEQ, SWEPT_MICRO_BATCH, SWEPT_GLOBAL_BATCH = (
    one._replace(meaning=f"{one.meaning}: A,B,C or FIRST:LAST:POINTS[:log]", default=None, metavar="AXIS",
        left_out=one.left_out or str(one.default)) for one in (SEQ, MICRO_BATCH, GLOBAL_BATCH))
SWEPT_TP, SWEPT_PP, SWEPT_CP, SWEPT_EP, SWEPT_ZERO, SWEPT_VIRTUAL_STAGES = (
    one._replace(meaning=f"{one.meaning}; A,B for several", default=None, left_out=str(one.default), metavar="A,B,C")
    for one in (TP, PP, CP, EP, ZERO, VIRTUAL_STAGES))
HARDWARE_TO_TRAIN = Asked(("--hardware", "-H", "--gpu"), "name or YAML file; A,B for several",
    left_out="h100-sxm-80gb", metavar="HARDWARE", names="hardware")
PRECISIONS_TO_TRAIN = Asked(("--precision", "-p"), "what to train in, as fp32, tf32, bf16, fp8, bitnet-b1.58; A,B for"
    " several", left_out="bf16, bitnet-b1.58", metavar="PRECISION", names="precision")
TRAINING_RUNTIME = Asked(("--runtime",), "software: eager, torch-compile, megatron, megatron-2022, or a YAML file",
    left_out="megatron for several devices, else eager", metavar="RUNTIME", names="training-runtime")
BROKEN_EVEN_BY = Asked(("--by",), "the question: where a saving ends, or after how many generated tokens saving in use"
    " has paid for the training", "saving")
TOKENS_PAID = Asked(("--tokens",), "tokens of the training to be paid for, as 300B", left_out="20 a parameter",
    metavar="N")
PAID_TRAINING = Asked(("--training",), "all of the training, or the extra of the quantisation over plain training",
    "whole")
TRAINED_ON = Asked(("--train-on",), "hardware of the training", left_out="the hardware of use, or h100-sxm-80gb",
    metavar="HARDWARE", names="hardware")
DEVICES_OF_TRAINING = Asked(("--training-devices",), "devices of the training; auto: the fewest that hold it", "auto",
    metavar="N|auto")
BASELINE_OF_TRAINING = Asked(("--baseline",), "savings are against this", left_out="the first precision",
    metavar="PRECISION", names="precision")
PLOTTED = Asked((), "what a sweep wrote: .parquet, .csv or a folder", metavar="FILE")
ACROSS = Asked(("--x",), "column across", left_out="the first objective, else tokens_per_s")
UPWARD = Asked(("--y",), "column up", left_out="the second objective, else energy_per_token_j")
COLOUR = Asked(("--colour",), "column that sets the colour")
PLOT_OUTPUT = Asked(("--output", "-o"), "FILE.html, or a picture: .png .svg .pdf", left_out="FILE.html", metavar="FILE")
# fmt: on

# What other programs call it, so that a message can lead on: an option of ours, or what to write.
ALSO_CALLED = {
    "model": "the model without an option, as in: bitnet-cost estimate llama-3.1-8b",
    "quantization": "--precision", "quantize": "--precision", "quant": "--precision", "dtype": "--precision",
    "bits": "--precision", "format-weights": "--precision", "device": "--hardware", "chip": "--hardware",
    "node": "--hardware", "gpus": "--devices", "num-gpus": "--devices", "tp": "--devices",
    "tensor-parallel": "--devices", "batchsize": "--batch", "batch-size": "--batch", "bs": "--batch",
    "context-length": "--prompt", "seq-len": "--prompt", "sequence-length": "--prompt", "input-tokens": "--prompt",
    "input-len": "--prompt", "max-tokens": "--generate", "output-tokens": "--generate", "output-len": "--generate",
    "tokens": "--generate", "country": "--carbon", "grid": "--carbon", "region": "--carbon", "co2": "--carbon",
    "water": "--carbon", "requests-per-day": "--rate", "rps": "--rate", "qps": "--rate", "ttft": "--slo-ttft",
    "tpot": "--slo-tpot", "itl": "--slo-tpot", "server": "--host",
    "electricity-price": "--price", "framework": "--runtime", "backend": "--runtime", "out": "--output",
    "file": "--output", "json": "-f json", "csv": "-f csv", "latex": "-f latex", "filter": "--where",
    "order": "--sort", "reference": "--baseline", "versus": "--baseline", "vs": "--baseline",
    "f": "another command for this answer, or -o FILE with an ending", "format": "-o FILE with an ending",
}  # fmt: skip
COMMANDS_ALSO_CALLED = {
    "run": "estimate", "energy": "estimate", "cost": "estimate", "calc": "estimate", "calculate": "estimate",
    "predict": "estimate", "vs": "compare", "diff": "compare", "ls": "list", "models": "list models",
    "hardware": "list hardware", "gpus": "list gpus", "devices": "list hardware", "precisions": "list precisions",
    "info": "show NAME", "describe": "show NAME", "memory": "fit", "html": "report", "chart": "plot",
    "breakeven": "break-even", "lint": "check", "verify": "validate", "convert": "import",
}  # fmt: skip
