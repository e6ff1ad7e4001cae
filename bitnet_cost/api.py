"""Names in, results out: what the command line and Python users call."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np

from bitnet_cost.engine.counts import NOT_COUNTED, count_ops
from bitnet_cost.engine.estimate import (
    against,
    check_devices,
    check_scope,
    check_sharing,
    evaluate,
)
from bitnet_cost.engine.fit import fit, widest
from bitnet_cost.errors import BitnetCostError, MissingPrice, check_word, quoted
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.drafting import MTP, check_draft, own_draft, rounds_of
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.offload import parse_offload
from bitnet_cost.inputs.precision import OWN, Precision
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.scenario import GENERATE_ON_DEVICES, Scenario, usual_generate
from bitnet_cost.inputs.workload import Workload, usual_attention
from bitnet_cost.ledger.counted import OpCounts
from bitnet_cost.ledger.result import Answer, Comparison, Explanation, Fit, Result
from bitnet_cost.readers import catalog, quality
from bitnet_cost.studies.cells import Cell, baseline_in, with_what_fits
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

if TYPE_CHECKING:
    from bitnet_cost.studies.equal_loss import EqualLoss

CLASSIC_HARDWARE = ("cmos-45nm", "cmos-7nm")
CLASSIC_PRECISIONS = ("fp32", "fp16", "int8", "bitnet")
EQUAL_LOSS_PRECISIONS = ("fp16", "bitnet-b1.58")
COMPARED_PRECISIONS = ("fp16", "int8", "int4", "bitnet-b1.58")


def with_own(precisions: Sequence[str], models: Sequence[Architecture]) -> list[str]:
    """The usual precisions, and next to FP16 the one that the files of all models are stored in where they have one."""
    if not all(model.checkpoint and model.checkpoint.stored for model in models):
        return list(precisions)
    place = list(precisions).index("fp16") + 1
    return [*precisions[:place], OWN, *precisions[place:]]


L = TypeVar("L", Architecture, Hardware, Precision)
In = TypeVar("In", bound=Input)


Name = str | os.PathLike[str]

_SCOPES, _ACCUMULATORS, _PARALLEL = (tuple(get_args(words)) for words in (Scope, Accumulator, Parallel))


def _word(kind: str, name: Name) -> str:
    """A name, or a path in a form that is never taken for one.

    Raises:
        BitnetCostError: something else; the message names its kind.
    """
    if isinstance(name, str):
        return name
    try:
        path = os.fspath(name)
    except TypeError:
        hint = "; 'compare' takes several" if isinstance(name, list | tuple | set) else ""
        raise BitnetCostError(f"{kind}: {quoted(name)} is not a name or a path{hint}") from None
    if not isinstance(path, str):
        raise BitnetCostError(f"{kind}: {quoted(name)} is a path of bytes; give it as text")
    return path if catalog.is_path(path) else os.path.join(os.curdir, path)


def _check_options(
    *, scope: Any = None, accumulator: Any = "paper", parallel: Any = "tensor", facility: Any = None,
    runtime: Any = None, devices: int = 1, offload: Any = None,
) -> None:  # fmt: skip
    """Refuse what would be taken for another word further on, or be left unread; ``devices`` go with the hardware.

    Raises:
        BitnetCostError: names the option and what it takes.
    """
    if scope is not None:
        check_word("scope", scope, _SCOPES)
    check_word("accumulator", accumulator, _ACCUMULATORS)
    check_word("parallel", parallel, _PARALLEL)
    parse_offload(offload)
    if facility is not None and not isinstance(facility, Facility):
        raise BitnetCostError(f"facility: {quoted(facility)} is not a Facility; write it as in Facility(pue=1.2)")
    if runtime is not None and (runtime == "" or not isinstance(runtime, str | RuntimeProfile)):
        raise BitnetCostError(f"runtime: {quoted(runtime)} is neither a name nor a runtime")


def load_model(name: Name) -> Architecture:
    """A model: a catalogue name, a YAML file, a Hugging Face ``config.json`` or its folder, or a size such as ``175B``.

    Of a ``.gguf`` or ``.safetensors`` file, and of an index of several, the header is read, never the weights.

    Raises:
        BitnetCostError: an unknown name, an unreadable or invalid file, an absurd size.

    >>> load_model("llama-2-7b").hidden_size, load_model("175B").nominal_parameters
    (4096, 175000000000)
    """
    return catalog.model(_word("model", name))


def load_hardware(name: Name, *, link: str | None = None, prices: str = "own") -> Hardware:
    """A hardware profile: a catalogue name or a YAML file. Figures are in SI and carry range, basis and source.

    Args:
        name: of the profile.
        link: what joins several devices, from the catalogue's interconnects; the profile's own if left out.
        prices: other published values of the same profile, by their name.

    Raises:
        BitnetCostError: an unknown name, link or prices, an unreadable or invalid file.

    >>> load_hardware("cmos-45nm").actions["add.int8"].value  # J; Horowitz 2014: 0.03 pJ
    3e-14
    """
    joined = None if link is None else _word("link", link)
    return catalog.linked(catalog.hardware(_word("hardware", name)), joined).with_prices(_word("prices", prices))


def load_precision(name: Name) -> Precision:
    """A precision: a catalogue name, a YAML file, or a name of the grammar ``w<bits>a<bits>[kv<bits>][g<group>]``.

    ``file`` is what the file of the model is stored in; each question puts its model's own in its place.

    Raises:
        BitnetCostError: an unknown name, an unreadable or invalid file.

    >>> load_precision("bitnet-b1.58").linear.weights.bits, load_precision("w4a8kv8").linear.activation_bits
    (2.0, 8.0)
    """
    return catalog.precision(_word("precision", name))


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
    _check_options(
        scope=scope, accumulator=accumulator, parallel=parallel, facility=facility, runtime=runtime, devices=devices,
        offload=offload,
    )  # fmt: skip
    architecture = model if isinstance(model, Architecture) else load_model(model)
    profile = catalog.linked(hardware, link) if isinstance(hardware, Hardware) else load_hardware(hardware, link=link)
    chosen = precision if isinstance(precision, Precision) else load_precision(precision)
    steps = usual_generate(architecture, profile) if generate is None else generate
    workload = Workload(batch, prompt, steps, attention or usual_attention(architecture.kind), logits, counting)
    workload = replace(workload, speculative=rounds_of(draft, accept, draft_tokens))
    check_devices(profile, devices)
    profile, software = catalog.setting(profile, runtime, offload, None if facility is None else facility.host)

    asked = Scenario(
        model=architecture, precision=chosen, hardware=profile, runtime=software, workload=workload, scope=scope,
        accumulator=accumulator, devices=devices, parallel=parallel, facility=facility, offload=offload,
        draft=_draft(draft, architecture, parallel),
    )  # fmt: skip
    check_sharing([asked])
    result = replace(evaluate(asked), quality=quality.published(architecture.name, chosen.name))
    if baseline is None:
        return result
    other = baseline if isinstance(baseline, Precision) else load_precision(baseline)
    return against(result, evaluate(asked.but(precision=other), counts=result.counts))


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
        "models": _each("models", models),
        "hardware": _each("hardware", catalog.devices() if hardware is None else hardware),
        "prices": _each("prices", "own" if prices is None else prices),
    }
    architectures = [m if isinstance(m, Architecture) else load_model(m) for m in every["models"]]
    named = [h if isinstance(h, Hardware) else load_hardware(h) for h in every["hardware"]]
    profiles = [profile.with_prices(_word("prices", name)) for profile in named for name in every["prices"]]
    usual = with_own(COMPARED_PRECISIONS, architectures) if precisions is None else precisions
    wanted = [p if isinstance(p, Precision) else load_precision(p) for p in _each("precisions", usual)]
    reference = baseline if baseline is None or isinstance(baseline, Precision) else load_precision(baseline)
    asked = scenarios(
        architectures, profiles, wanted, Workload(batch, prompt, 1 if generate is None else generate), scope=scope,
        runtime=runtime, facility=facility, devices=devices, parallel=parallel, offload=offload,
        draft=draft, accept=accept, draft_tokens=draft_tokens, usual=generate is None,
    )  # fmt: skip
    found = answer(asked, baseline=reference)
    return Comparison(**vars(ranking(found, sort, where)))


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
        global_batch: sequences of one optimiser step; micro-batch x dp, times four for each stage, if left out.
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

    _check_options(scope=scope, facility=facility)

    def given(kind: str, one: Any) -> Any:
        return one if isinstance(one, Architecture | Hardware | Precision) else _word(kind, one)

    terms = training.Terms(
        None if runtime is None else _word("runtime", runtime), scope,
        None if baseline is None else given("baseline", baseline), facility,
        None if link is None else _word("link", link),
    )  # fmt: skip
    plan = {
        "tokens": tokens, "seq": seq, "micro_batch": micro_batch, "global_batch": global_batch, "dp": dp, "tp": tp,
        "pp": pp, "cp": cp, "ep": ep, "zero": zero, "virtual_stages": virtual_stages, "recompute": recompute,
        "optimizer": optimizer, "master": master, "lora": lora,
    }  # fmt: skip
    places = [given("hardware", one) for one in _each("hardware", hardware)]
    formats = [] if precisions is None else [given("precisions", one) for one in _each("precisions", precisions)]
    return TrainingAnswer(tuple(training.train(given("model", model), places, formats, terms, devices, **plan)))


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
    (True, 1.9, 1.1)
    """
    from bitnet_cost.ledger.load import LoadAnswer
    from bitnet_cost.studies import load as studies

    _check_options(scope=scope, facility=facility, parallel=parallel)

    def given(kind: str, one: Any) -> Any:
        return one if isinstance(one, Architecture | Hardware | Precision) else _word(kind, one)

    asked = studies.load_of(
        rate, requests_per_day, peak=peak, prompt=prompt, generate=generate, cached=cached, cv2=cv2,
        max_batch=max_batch, static_cache=static_cache, slo_ttft=slo_ttft, slo_tpot=slo_tpot, percentile=percentile,
        replicas=replicas, prefill_devices=prefill_devices,
    )  # fmt: skip
    terms = studies.Terms(
        None if runtime is None else _word("runtime", runtime), scope,
        None if baseline is None else given("baseline", baseline), facility, devices, parallel,
        None if link is None else _word("link", link),
    )  # fmt: skip
    places = [given("hardware", one) for one in _each("hardware", hardware)]
    usual = studies.PRECISIONS if precisions is None else precisions
    formats = [given("precisions", one) for one in _each("precisions", usual)]
    return LoadAnswer(tuple(studies.serving(given("model", model), places, formats, asked, terms)))


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
    given = _each("precisions", EQUAL_LOSS_PRECISIONS if precisions is None else precisions)
    wanted = [p if isinstance(p, Precision) else load_precision(p) for p in given]
    widest = max(wanted, key=lambda p: p.information_bits)
    base = widest if baseline is None else baseline if isinstance(baseline, Precision) else load_precision(baseline)
    others = [p for p in wanted if p.name != base.name]
    if not others:
        raise BitnetCostError(
            f"at-equal-loss: give a second precision beside {base.name}, as in -p fp16 -p bitnet-b1.58"
        )
    named = [h if isinstance(h, Hardware) else load_hardware(h)
             for h in _each("hardware", catalog.devices() if hardware is None else hardware)]  # fmt: skip
    asked = scenarios(
        [model if isinstance(model, Architecture) else load_model(model)], named, [base],
        Workload(batch, prompt, 1 if generate is None else generate), scope=scope, runtime=runtime, facility=facility,
        devices=devices, parallel=parallel, offload=offload, usual=generate is None,
    )  # fmt: skip
    return [price(asked, other, tokens) for other in others]


def _draft(draft: Name | Architecture | None, model: Architecture, parallel: str) -> Architecture | None:
    """What drafts tokens for a model.

    Raises:
        BitnetCostError: an unknown name, or a model that cannot.
    """
    if draft is None:
        return None
    found = draft if isinstance(draft, Architecture) else own_draft(model) if draft == MTP else load_model(draft)
    check_draft(found, model, parallel)
    return found


def _each(name: str, given: Any) -> list[Any]:
    """One or several, each once.

    Raises:
        BitnetCostError: none.
    """
    several = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if not several:
        raise BitnetCostError(f"{name}: none are given; leave it out for the usual ones, or name one")
    return list({each if isinstance(each, str) else id(each): each for each in several}.values())


def _loaded(name: str, given: Any, kind: type[In]) -> list[In]:
    """Several inputs that are loaded, at least one.

    Raises:
        BitnetCostError: none, or names in their place.
    """
    several = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else []
    wrong = next((each for each in several if not isinstance(each, kind)), None if several else given)
    if wrong is not None:
        raise BitnetCostError(
            f"{name}: {quoted(wrong)} is not a list of loaded inputs; load_model, load_hardware and load_precision "
            "load them, and 'compare' takes names"
        )
    return several


def _distinct(name: str, given: list[L]) -> list[L]:
    """Inputs with one name each, the same one once: rows, notes and baselines go by name.

    Raises:
        BitnetCostError: two that differ have one name.
    """
    found: dict[str, L] = {}
    for each in given:
        if found.setdefault(each.name, each) is not each and found[each.name] != each:
            raise BitnetCostError(f"{name}: two that differ are called {each.name!r}; give each a name of its own")
    return list(found.values())


def scenarios(
    models: Sequence[Architecture],
    hardware: Sequence[Hardware],
    precisions: Sequence[Precision],
    workload: Workload,
    *,
    runtime: str | RuntimeProfile | None = None,
    usual: bool = False,
    draft: Name | Architecture | None = None,
    accept: float | None = None,
    draft_tokens: int | None = None,
    **common: Any,
) -> list[Scenario]:
    """Every model on every hardware in every precision, in this order.

    Args:
        models: loaded, as hardware and precisions are.
        hardware: without the constants that measured rows give it.
        precisions: innermost.
        workload: of all.
        runtime: software on the devices; each one's default if left out.
        usual: decoders on devices generate the usual number of tokens instead of the workload's.
        draft: what drafts tokens, see `estimate`.
        accept: probability that a drafted token is accepted.
        draft_tokens: drafted in each round.
        common: other fields of every `Scenario`, as ``scope`` and ``devices``.

    Raises:
        BitnetCostError: names in the place of inputs, two inputs of one name, bad options, devices that nothing joins.
    """
    _check_options(runtime=runtime, **common)
    models = _distinct("models", _loaded("models", models, Architecture))
    hardware = _distinct("hardware", _loaded("hardware", hardware, Hardware))
    precisions = _distinct("precisions", _loaded("precisions", precisions, Precision))
    if not isinstance(workload, Workload):
        raise BitnetCostError("workload: is a Workload; 'compare' takes its parts")
    if draft is not None or accept is not None or draft_tokens is not None:
        workload = replace(workload, speculative=rounds_of(draft, accept, draft_tokens))
    drafts = {model.name: _draft(draft, model, common.get("parallel", "tensor")) for model in models}
    longer = replace(workload, generate=GENERATE_ON_DEVICES) if usual else workload
    for profile in hardware:
        check_devices(profile, common.get("devices", 1))
        check_scope(profile, common.get("scope") or profile.default_scope)
    site = common.get("facility")
    host = None if site is None else site.host
    settings = [catalog.setting(profile, runtime, common.get("offload"), host) for profile in hardware]
    found = [
        Scenario(
            model=model, precision=precision, hardware=device, runtime=software,
            workload=longer if usual_generate(model, device) > 1 else workload,
            draft=drafts[model.name], **common,
        )
        for model in models for device, software in settings for precision in precisions
    ]  # fmt: skip
    check_sharing(found)
    return found


def answer(asked: Sequence[Scenario], *, baseline: Precision | None = None) -> Answer:
    """The answer to every scenario, those of one model and hardware side by side and alike but for their precision.

    `scenarios` makes them. Savings refer to the baseline of a model and hardware.

    Of several cells, one without a price is a result with its ``reason`` and no energy; where the baseline has none
    on some hardware, the results there have their ``reason`` and no saving.
    The baseline is the one given, else FP32 on technology nodes and FP16 on devices (BF16 where that is asked for and
    FP16 is not), else the widest precision that has an energy.

    Raises:
        BitnetCostError: bad input, or MissingPrice where the only cell or its baseline has no price.
    """
    asked = _loaded("scenarios", asked, Scenario)
    if not isinstance(baseline, Precision | None):
        raise BitnetCostError("baseline: is a loaded precision; 'compare' takes names")
    results: list[Result] = []
    faults: list[MissingPrice] = []
    baselines: dict[tuple[str, str], Result] = {}
    counted: dict[tuple[str, int], OpCounts] = {}
    for place, members in groupby(asked, lambda one: (one.model.name, one.hardware.name)):
        first, *others = members
        work = (first.model.name, id(first.workload))
        counts = counted[work] = counted.get(work) or count_ops(first.model, first.workload)
        cell = Cell(first, counts)
        row = [cell.refused_or_priced(one.precision, faults) for one in (first, *others)]
        reference = baseline_in(cell, row, baseline, faults)
        if reference is not None:
            baselines[place] = reference
        for result in row:
            if result.draft is not None and result.has_energy:
                result = replace(result, plain=evaluate(result.scenario.plain))  # noqa: PLW2901
            if result.fits is not None and not result.fits:
                result = with_what_fits(cell, result)  # noqa: PLW2901
            results.append(against(result, reference) if reference and result.has_energy else result)
    if faults and len(results) == 1:
        raise faults[0]
    held = {
        (r.hardware.name, r.runtime.runtime): catalog.accuracy().of(r.hardware.name, r.runtime.runtime)
        if catalog.is_shipped(r.hardware, r.runtime)
        else {}
        for r in results
        if r.runtime
    }
    known = catalog.ranges()
    unmeasured = any(
        r.runtime and not held.get((r.hardware.name, r.runtime.runtime)) and r.hardware.device_class in ("gpu", "igpu")
        for r in results
    )
    return Answer(
        tuple(results), NOT_COUNTED, accuracy=held, baselines=baselines,
        left_out=known.errors.classes if known is not None and unmeasured else {},
        asked_baseline=None if baseline is None else baseline.name,
    )  # fmt: skip


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
        precision = named if isinstance(named, Precision) else load_precision(named)
        other = evaluate(result.scenario.but(precision=precision))
    return explained(result, other, cell)


def fitting(asked: Sequence[Scenario]) -> list[Fit]:
    """What fits each device in each precision.

    Raises:
        BitnetCostError: a technology node, which has no memory to fit.
    """
    return [fit(one) for one in _with_capacity(asked)]


def fitting_models(asked: Sequence[Scenario]) -> list[Result]:
    """Of each model on each device the widest precision that fits, or the one that needs least where none does.

    Raises:
        BitnetCostError: a technology node, which has no memory to fit.
    """
    cells: dict[tuple[str, str], list[Scenario]] = {}
    for one in _with_capacity(asked):
        cells.setdefault((one.hardware.name, one.model.name), []).append(one)
    return [widest(cell) for cell in cells.values()]


def _with_capacity(asked: Sequence[Scenario]) -> list[Scenario]:
    """Scenarios on devices; encoders generate nothing."""
    node = next((one.hardware.name for one in asked if not one.hardware.has_clock), None)
    if node is not None:
        raise BitnetCostError(f"{node!r} is a technology node: it has no capacity that a model could fit")
    return [one.but(workload=replace(one.workload, generate=1)) if one.model.bidirectional else one for one in asked]
