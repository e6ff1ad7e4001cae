"""Names in, results out: what the command line and Python users call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bitnet_cost.engine.asked import Asked
from bitnet_cost.engine.estimate import check_devices, evaluate
from bitnet_cost.errors import BitnetCostError, quoted
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.drafting import rounds_of
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import Scenario, usual_generate
from bitnet_cost.inputs.workload import Workload, usual_attention
from bitnet_cost.ledger.answers import Comparison, Explanation
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog, machines, quality
from bitnet_cost.readers.given import (
    Name,
    each_once,
    load_hardware,
    load_model,
    load_precision,
    names_or_loaded,
    word,
    word_or_loaded,
)
from bitnet_cost.studies import repeated
from bitnet_cost.studies.answers import (
    answer,
    check_options,
    drafting_model,
    fitting,
    fitting_models,
    scenarios,
    with_own,
)
from bitnet_cost.words import (
    Accumulator,
    AttentionSpan,
    Counting,
    Logits,
    Master,
    Optimizer,
    Parallel,
    Recompute,
    Scope,
)

if TYPE_CHECKING:
    from bitnet_cost.ledger.load import LoadAnswer
    from bitnet_cost.ledger.training import TrainingAnswer, TrainingResult
    from bitnet_cost.studies.equal_loss import EqualLoss

__all__ = [
    "answer", "compare", "equal_loss", "estimate", "explain", "fitting", "fitting_models", "load", "load_hardware",
    "load_model", "load_precision", "scenarios", "train", "with_own",
]  # fmt: skip

CLASSIC_HARDWARE = ("cmos-45nm", "cmos-7nm")
CLASSIC_PRECISIONS = ("fp32", "fp16", "int8", "bitnet")
EQUAL_LOSS_PRECISIONS = ("fp16", "bitnet-b1.58")
COMPARED_PRECISIONS = ("fp16", "int8", "int4", "bitnet-b1.58")


def estimate(
    model: Name | Architecture,
    hardware: Name | Hardware = "cmos-45nm",
    precision: Name | Precision = "bitnet",
    *,
    batch: Any = 1,
    prompt: Any = 512,
    generate: Any = None,
    attention: AttentionSpan | None = None,
    logits: Logits = "last",
    counting: Counting = "serving",
    scope: Scope | None = None,
    accumulator: Accumulator = "paper",
    baseline: Name | Precision | None = None,
    runtime: str | RuntimeProfile | None = None,
    facility: Facility | None = None,
    devices: int = 1,
    parallel: Parallel = "tensor",
    link: str | None = None,
    offload: str | None = None,
    draft: Name | Architecture | None = None,
    accept: float | None = None,
    draft_tokens: int | None = None,
) -> Result:
    """Memory, energy and on a device time of one model in one precision on one piece of hardware.

    Arrays for ``batch``, ``prompt`` and ``generate`` broadcast to a grid; every figure of the result then has its
    shape, and an element equals the single estimate to the last bit.

    Args:
        model: see `load_model`.
        hardware: see `load_hardware`. A technology node has prices and no clock, a device has both.
        precision: see `load_precision`.
        batch: sequences that run together.
        prompt: tokens of each prompt.
        generate: tokens generated per sequence, the first by the prefill; 128 for decoders on devices, else 1, if
            left out.
        attention: pairs scored in the prefill, ``causal`` or ``full``; causal, for encoders full, if left out.
        logits: positions of the prefill that get logits: ``last``, ``all`` or ``none``.
        counting: ``serving``, what good serving software does, or ``traced``, the convention of a tracing counter.
        scope: what the energy holds: ``arithmetic``, ``compute``, ``memory``, ``device`` or ``facility``; arithmetic
            on technology nodes, device on devices, if left out.
        accumulator: price integer additions as papers do (``paper``) or as ``int32``.
        baseline: a precision; the result then has its ``saving``, as ``[least, nominal, most]``.
        runtime: software on a device; the device's default if left out.
        facility: PUE, carbon intensity and prices around a device.
        devices: how many share the model.
        parallel: how they do: ``tensor`` splits every matrix, ``pipeline`` the layers.
        link: what joins them; the device's own if left out.
        offload: the part that the host keeps in its memory: ``experts``, ``layers=N`` (the weights of the last N) or
            ``kv``; nothing if left out.
        draft: a model that drafts tokens, in the same precision, or ``mtp``, the model's own layer for it; it shares
            the devices.
        accept: probability that a drafted token is accepted.
        draft_tokens: drafted in each round; 5, or 1 for ``mtp``, if left out.

    Returns:
        A `Result`: ``energy_j`` [J], ``energy_bounds`` [J], ``timing`` [s], ``footprint`` [bit], counts and all that
        went in; `to_records` and `to_dataframe` give the names and units of ``-f json``.

    Raises:
        BitnetCostError: an unknown name, an invalid file or number, a missing price, a scope that cannot be answered.

    >>> result = estimate("llama-2-7b", "cmos-45nm", "fp16", attention="full", logits="all")
    >>> result.parameters, round(2 * float(result.mac) / 1e12, 4)
    (6738415616, 6.9031)
    """
    words = (
        model, hardware, precision, attention, logits, counting, scope, accumulator, baseline, runtime, facility,
        devices, parallel, link, offload, draft, accept, draft_tokens,
    )  # fmt: skip
    known = repeated.question(words)
    if known is not None:
        return known.answer(batch, prompt, generate)
    check_options(
        scope=scope, accumulator=accumulator, parallel=parallel, facility=facility, runtime=runtime, devices=devices,
        offload=offload,
    )  # fmt: skip
    architecture = load_model(model)
    profile = load_hardware(hardware, link=link)
    chosen = load_precision(precision)
    steps = usual_generate(architecture, profile) if generate is None else generate
    workload = Workload(batch, prompt, steps, attention or usual_attention(architecture.kind), logits, counting)
    workload = replace(workload, speculative=rounds_of(draft, accept, draft_tokens))
    check_devices(profile, devices)
    profile, software = machines.setting(profile, runtime, offload, None if facility is None else facility.host)

    scenario = Scenario.of(
        model=architecture, precision=chosen, hardware=profile, runtime=software, workload=workload, scope=scope,
        accumulator=accumulator, devices=devices, parallel=parallel, facility=facility, offload=offload,
        draft=drafting_model(draft, architecture, parallel),
    )  # fmt: skip
    reference = None if baseline is None else load_precision(baseline)
    asked = Asked(scenario, reference, quality.published(architecture.name, chosen.name))
    result = asked.by_engine(scenario)
    repeated.remember(words, asked)
    return result


def compare(
    models: Name | Architecture | Sequence[Name | Architecture],
    hardware: Name | Hardware | Sequence[Name | Hardware] | None = None,
    precisions: Name | Precision | Sequence[Name | Precision] | None = None,
    *,
    batch: int = 1,
    prompt: int = 512,
    generate: int | None = None,
    scope: Scope | None = None,
    baseline: Name | Precision | None = None,
    runtime: str | RuntimeProfile | None = None,
    facility: Facility | None = None,
    devices: int = 1,
    parallel: Parallel = "tensor",
    offload: str | None = None,
    draft: Name | Architecture | None = None,
    accept: float | None = None,
    draft_tokens: int | None = None,
    prices: str | Sequence[str] | None = None,
    sort: str | None = None,
    where: str | None = None,
) -> Comparison:
    """Every model on every hardware in every precision, ranked: the rows of ``bitnet-cost compare``.

    Args:
        models: one or several, see `load_model`. Models stay together, in their order.
        hardware: one or several, see `load_hardware`; every device of the catalogue if left out.
        precisions: one or several, see `load_precision`; FP16, INT8, INT4 and BitNet b1.58 if left out.
        batch: sequences that run together.
        prompt: tokens of each prompt.
        generate: tokens generated per sequence; 128 for decoders on devices, else 1, if left out.
        scope: what the energy holds; each hardware's default if left out.
        baseline: what savings refer to; if left out, FP32 on technology nodes, FP16 or BF16 on devices, and where that
            has no energy the widest of the precisions.
        runtime: software on the devices; each one's default if left out.
        facility: PUE, carbon intensity and prices around the devices.
        devices: how many share a model.
        parallel: how they do: ``tensor`` or ``pipeline``.
        offload: the part that the host keeps in its memory, see `estimate`.
        draft: what drafts tokens, see `estimate`.
        accept: probability that a drafted token is accepted.
        draft_tokens: drafted in each round.
        prices: other published values of the profiles, by name; each makes rows of its own.
        sort: a column of the records, or energy, tokens, memory, power, carbon, cost, latency; best first, ``-COLUMN``
            reversed. Energy per token if left out.
        where: a filter of records, as in ``"fits and tokens_per_s > 20"``.

    Returns:
        A `Comparison`: ``results``, `to_records`, `to_dataframe`; in a notebook, its tables. A cell that does not fit
        or has no price is a record with its ``reason``.

    Raises:
        BitnetCostError: bad input, a filter that nothing meets, or a single cell without a price.

    >>> found = compare("llama-2-7b", ["h100-sxm-80gb", "l4"], ["fp16", "int4"], sort="tokens")
    >>> [(row["hardware"], row["precision"]) for row in found.to_records()][0]
    ('h100-sxm-80gb', 'int4')
    """
    from bitnet_cost.views.compare import ranking

    for text, words in (("sort", sort), ("where", where)):
        if words is not None and not isinstance(words, str):
            raise BitnetCostError(f"{text}: {quoted(words)} is not text")
    tokens: Any
    for number, tokens in (("batch", batch), ("prompt", prompt), ("generate", generate)):
        if np.ndim(tokens):
            raise BitnetCostError(f"{number}: {quoted(tokens)} is not one number; 'estimate' and 'sweep' take several")
    every = {
        "models": each_once("models", models),
        "hardware": each_once("hardware", catalog.devices() if hardware is None else hardware),
        "prices": each_once("prices", "own" if prices is None else prices),
    }
    architectures = [load_model(each) for each in every["models"]]
    named = [load_hardware(each) for each in every["hardware"]]
    profiles = [profile.with_prices(word("prices", name)) for profile in named for name in every["prices"]]
    usual = with_own(COMPARED_PRECISIONS, architectures) if precisions is None else precisions
    wanted = [load_precision(each) for each in each_once("precisions", usual)]
    reference = None if baseline is None else load_precision(baseline)
    asked = scenarios(
        architectures, profiles, wanted, Workload(batch, prompt, 1 if generate is None else generate), scope=scope,
        runtime=runtime, facility=facility, devices=devices, parallel=parallel, offload=offload,
        draft=draft, accept=accept, draft_tokens=draft_tokens, usual=generate is None,
    )  # fmt: skip
    return Comparison(**vars(ranking(answer(asked, baseline=reference), sort, where)))


def train(
    model: Name | Architecture,
    hardware: Name | Hardware | Sequence[Name | Hardware] = "h100-sxm-80gb",
    precisions: Name | Precision | Sequence[Name | Precision] | None = None,
    *,
    tokens: float | str | None = None,
    seq: int | None = None,
    micro_batch: int = 1,
    global_batch: int | None = None,
    devices: int | Literal["auto"] | None = None,
    dp: int | None = None,
    tp: int = 1,
    pp: int = 1,
    cp: int = 1,
    ep: int = 1,
    zero: int = 0,
    virtual_stages: int = 1,
    recompute: Recompute = "none",
    optimizer: Optimizer = "adamw",
    master: Master = "fp32",
    lora: int | None = None,
    runtime: str | None = None,
    scope: Scope | None = None,
    baseline: Name | Precision | None = None,
    link: str | None = None,
    facility: Facility | None = None,
) -> TrainingAnswer:
    """What training costs: time, energy and memory of a step, and of a run of some tokens.

    Args:
        model: see `load_model`.
        hardware: one or several, see `load_hardware`.
        precisions: one or several, ``tf32`` among them; BF16 and BitNet b1.58 on devices, FP32, BF16 and BitNet at
            technology nodes, if left out.
        tokens: of the whole run, as ``"300B"``; the run's totals are None without.
        seq: tokens of a sequence; 2,048, or what the model was made for, if left out.
        micro_batch: sequences that a device works on at once.
        global_batch: sequences of one optimiser step; if left out, a million tokens where ``tokens`` asks for a run,
            else micro-batch x dp, times four for each stage.
        devices: that train it; ``auto``: the fewest that hold it; dp x tp x pp x cp if left out.
        dp: data-parallel devices; what devices leave if left out.
        tp: tensor-parallel devices.
        pp: stages of a pipeline.
        cp: context-parallel devices.
        ep: devices that share experts, of the data-parallel ones.
        zero: what data-parallel devices divide: nothing, optimiser states, gradients too, weights too.
        virtual_stages: that each device of a pipeline holds, interleaved.
        recompute: what the backward pass recomputes: ``none``, ``selective``, ``full``.
        optimizer: ``adamw``, ``adamw-8bit``, ``sgd``, ``muon``.
        master: ``fp32`` or ``none``: copy of the weights that the optimiser adds to.
        lora: rank of adapters, which are trained over a base frozen in the precision.
        runtime: training software; ``eager`` on one device, ``megatron`` on several, if left out.
        scope: what the energy holds, see `estimate`.
        baseline: a precision that savings refer to; the first of several, if left out.
        link: what joins devices of a node; the device's own if left out.
        facility: PUE, carbon intensity and prices around the devices.

    Returns:
        A `TrainingAnswer`: ``results``, `to_records`, `to_dataframe`, `plot`, `report`.

    Raises:
        BitnetCostError: an unknown name, numbers that exclude one another, a format without gradients.

    >>> answer = train("llama-3.2-1b", "h100-sxm-80gb", tokens="1B")
    >>> [(row["precision"], row["fits"]) for row in answer.to_records()]
    [('bf16', True), ('bitnet-b1.58', True)]
    """
    from bitnet_cost.ledger.training import TrainingAnswer
    from bitnet_cost.studies import training

    check_options(scope=scope, facility=facility)

    terms = training.Terms(
        None if runtime is None else word("runtime", runtime), scope,
        None if baseline is None else word_or_loaded("baseline", baseline), facility,
        None if link is None else word("link", link),
    )  # fmt: skip
    plan = {
        "tokens": tokens, "seq": seq, "micro_batch": micro_batch, "global_batch": global_batch, "dp": dp, "tp": tp,
        "pp": pp, "cp": cp, "ep": ep, "zero": zero, "virtual_stages": virtual_stages, "recompute": recompute,
        "optimizer": optimizer, "master": master, "lora": lora,
    }  # fmt: skip
    places = names_or_loaded("hardware", hardware)
    formats = [] if precisions is None else names_or_loaded("precisions", precisions)
    return TrainingAnswer(
        tuple(training.train(word_or_loaded("model", model), places, formats, terms, devices, **plan))
    )


def load(
    model: Name | Architecture,
    hardware: Name | Hardware | Sequence[Name | Hardware] = "h100-sxm-80gb",
    precisions: Name | Precision | Sequence[Name | Precision] | None = None,
    *,
    rate: Any = None,
    requests_per_day: float | None = None,
    peak: float = 1.0,
    prompt: int = 512,
    generate: int = 128,
    cached: int = 0,
    cv2: float = 0.0,
    max_batch: int | None = None,
    static_cache: int | None = None,
    slo_ttft: float | None = None,
    slo_tpot: float | None = None,
    percentile: float | None = None,
    devices: int | Literal["auto"] = "auto",
    replicas: int | Literal["auto"] | None = None,
    prefill_devices: int | None = None,
    parallel: Parallel = "tensor",
    runtime: str | None = None,
    scope: Scope | None = None,
    baseline: Name | Precision | None = None,
    link: str | None = None,
    facility: Facility | None = None,
) -> LoadAnswer:
    """What serving requests as they come takes: devices, batch, latency, power, energy of a request and of a day.

    Args:
        model: see `load_model`.
        hardware: one or several devices, see `load_hardware`.
        precisions: one or several; FP16, INT8, INT4 and BitNet b1.58 if left out.
        rate: requests per second; an array of rates makes a record for each.
        requests_per_day: in place of a rate; devices are for the peak, the energy of the day for the mean.
        peak: highest rate of the day / its mean.
        prompt: tokens of a prompt, on average.
        generate: tokens generated per request, on average.
        cached: tokens of each prompt that are in the cache already.
        cv2: squared coefficient of variation of lengths: 0 all alike, 1 exponential.
        max_batch: most sequences in a step; as many as fit if left out.
        static_cache: positions of a preallocated cache that each step reads whole.
        slo_ttft: time to the first token that is to be kept.  [s]
        slo_tpot: time per token after it that is to be kept.  [s]
        percentile: of requests that keep them; their mean if left out.
        devices: that share a copy of the model; ``auto``: those that make the fewest in all.
        replicas: copies that share the load; ``auto``, or left out with a day or a time asked for: as many as it takes.
        prefill_devices: more devices of each copy, which take prompts in and hand on their cache.
        parallel: how devices share a copy.
        runtime: software on the devices; each one's default if left out.
        scope: what the energy holds, see `estimate`.
        baseline: a precision that savings refer to; FP16 or BF16, else the first, if left out.
        link: what joins devices; their own if left out.
        facility: PUE, carbon intensity and prices around the devices.

    Returns:
        A `LoadAnswer`: ``results``, `to_records`, `to_dataframe`, `plot`, `report`.

    Raises:
        BitnetCostError: an unknown name, bad numbers, a technology node, an encoder.

    >>> row = load("llama-3.1-8b", "h100-sxm-80gb", "fp8", rate=2.0).to_records()[0]
    >>> row["stable"], round(row["mean_batch"], 1), round(row["energy_per_token_j"], 1)
    (True, 1.8, 1.2)
    """
    from bitnet_cost.ledger.load import LoadAnswer
    from bitnet_cost.studies import load as studies

    check_options(scope=scope, facility=facility, parallel=parallel)

    asked = studies.load_of(
        rate, requests_per_day, peak=peak, prompt=prompt, generate=generate, cached=cached, cv2=cv2,
        max_batch=max_batch, static_cache=static_cache, slo_ttft=slo_ttft, slo_tpot=slo_tpot, percentile=percentile,
        replicas=replicas, prefill_devices=prefill_devices,
    )  # fmt: skip
    terms = studies.Terms(
        None if runtime is None else word("runtime", runtime), scope,
        None if baseline is None else word_or_loaded("baseline", baseline), facility, devices, parallel,
        None if link is None else word("link", link),
    )  # fmt: skip
    places = names_or_loaded("hardware", hardware)
    usual = studies.PRECISIONS if precisions is None else precisions
    formats = names_or_loaded("precisions", usual)
    return LoadAnswer(tuple(studies.serving(word_or_loaded("model", model), places, formats, asked, terms)))


def equal_loss(
    model: Name | Architecture,
    hardware: Name | Hardware | Sequence[Name | Hardware] | None = None,
    precisions: Name | Precision | Sequence[Name | Precision] | None = None,
    *,
    batch: int = 1,
    prompt: int = 512,
    generate: int | None = None,
    scope: Scope | None = None,
    baseline: Name | Precision | None = None,
    runtime: str | RuntimeProfile | None = None,
    facility: Facility | None = None,
    devices: int = 1,
    parallel: Parallel = "tensor",
    offload: str | None = None,
    tokens: float | None = None,
) -> list[EqualLoss]:
    """At which size each other precision has the loss of the model in the baseline's, and what both cost.

    Args:
        model: one, see `load_model`; a size such as 7B keeps the shape of sizes, another decoder gets more layers.
        hardware: one or several; every device of the catalogue if left out.
        precisions: two or more; FP16 and BitNet b1.58 if left out.
        batch: sequences that run together.
        prompt: tokens of each prompt.
        generate: as for `compare`.
        scope: what the energy holds; each hardware's default if left out.
        baseline: whose loss is to be reached; the widest of the precisions if left out.
        runtime: software on the devices; each one's default if left out.
        facility: PUE, carbon intensity and prices around the devices.
        devices: how many share a model.
        parallel: how they do.
        offload: the part that the host keeps in its memory, see `estimate`.
        tokens: that both are trained on, for laws that depend on it; 20 a parameter of the model if left out.

    Returns:
        One `EqualLoss` for each precision but the baseline: ``sizes`` by law with their range and where the law
        extrapolates, ``places`` with the results and the verdict, ``cheaper``, ``dearer`` or ``undecided``.

    Raises:
        BitnetCostError: bad input, precisions that no law has, a model that is no dense decoder, a missing price.

    >>> found = equal_loss("7B", "h100-sxm-80gb", ["fp16", "bitnet-b1.58"])[0]
    >>> len(found.sizes), found.places[0].verdict
    (8, 'undecided')
    """
    from bitnet_cost.studies.equal_loss import price

    if tokens is not None and not 0 < tokens < 1e18:
        raise BitnetCostError(f"tokens: {quoted(tokens)} is not a number above 0, up to 1e18")
    given = each_once("precisions", EQUAL_LOSS_PRECISIONS if precisions is None else precisions)
    wanted = [load_precision(each) for each in given]
    widest = max(wanted, key=lambda p: p.information_bits)
    base = widest if baseline is None else load_precision(baseline)
    others = [p for p in wanted if p.name != base.name]
    if not others:
        raise BitnetCostError(
            f"at-equal-loss: give a second precision beside {base.name}, as in -p fp16 -p bitnet-b1.58"
        )
    named = [load_hardware(each) for each in each_once("hardware", catalog.devices() if hardware is None else hardware)]
    asked = scenarios(
        [load_model(model)], named, [base],
        Workload(batch, prompt, 1 if generate is None else generate), scope=scope, runtime=runtime, facility=facility,
        devices=devices, parallel=parallel, offload=offload, usual=generate is None,
    )  # fmt: skip
    return [price(asked, other, tokens) for other in others]


def explain(
    result: Result | TrainingResult, cell: str = "energy_j", *, baseline: Name | Precision | None = None
) -> Explanation:
    """The arithmetic behind one number of a result, step by step: what ``bitnet-cost explain`` prints.

    Args:
        result: a single point, or a training step, whose cells are the columns of its record.
        cell: a column of its records, a part of its tables; a wrong name lists the kinds.
        baseline: what a saving refers to; the result's own if left out.

    Raises:
        BitnetCostError: a grid, a cell that is unknown or cannot be computed.

    >>> explain(estimate("gpt2", "cmos-45nm", "fp16"), "mac").value
    45945778944.0
    """
    from bitnet_cost.engine.explain import explain as explained

    if not isinstance(result, Result):
        from bitnet_cost.engine.training_explain import explain_step

        return explain_step(result, cell)
    if result.shape:
        raise BitnetCostError(f"explain: a result over {result.shape} workloads is not a single point")
    named = result.baseline if baseline is None else baseline
    other = None
    if named is not None:
        other = evaluate(result.scenario.but(precision=load_precision(named)))
    return explained(result, other, cell)
