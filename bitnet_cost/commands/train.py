"""What training a model costs: train."""

from typing import Annotated, Any, NamedTuple

from bitnet_cost import questions
from bitnet_cost.commands import options
from bitnet_cost.commands.asking import facility, once, token_count
from bitnet_cost.commands.options import option, with_groups
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import deliver
from bitnet_cost.views.formats import Offer
from bitnet_cost.words import Master, Optimizer, Recompute


class Batches(NamedTuple):
    """How much is trained on, and how it is cut."""

    tokens: Annotated[str | None, option(questions.TOKENS)] = None
    seq: Annotated[int | None, option(questions.SEQ)] = None
    micro_batch: Annotated[int, option(questions.MICRO_BATCH)] = questions.MICRO_BATCH.default
    global_batch: Annotated[int | None, option(questions.GLOBAL_BATCH)] = None


class Division(NamedTuple):
    """How devices share the work."""

    devices: Annotated[str | None, option(questions.TRAINING_DEVICES)] = None
    dp: Annotated[int | None, option(questions.DP)] = None
    tp: Annotated[int, option(questions.TP)] = questions.TP.default
    pp: Annotated[int, option(questions.PP)] = questions.PP.default
    cp: Annotated[int, option(questions.CP)] = questions.CP.default
    ep: Annotated[int, option(questions.EP)] = questions.EP.default
    zero: Annotated[int, option(questions.ZERO)] = questions.ZERO.default
    virtual_stages: Annotated[int, option(questions.VIRTUAL_STAGES)] = questions.VIRTUAL_STAGES.default


class Method(NamedTuple):
    """What is kept, and what is trained."""

    recompute: Annotated[Recompute, option(questions.RECOMPUTE)] = questions.RECOMPUTE.default
    optimizer: Annotated[Optimizer, option(questions.OPTIMIZER)] = questions.OPTIMIZER.default
    master: Annotated[Master, option(questions.MASTER)] = questions.MASTER.default
    lora: Annotated[int | None, option(questions.LORA)] = None


@app.command()
@with_groups
def train(
    *,
    model: options.ModelArgument,
    hardware: Annotated[list[str] | None, option(questions.HARDWARE_TO_TRAIN)] = None,
    precision: Annotated[list[str] | None, option(questions.PRECISIONS_TO_TRAIN)] = None,
    batches: Batches,
    division: Division,
    method: Method,
    runtime: Annotated[str | None, option(questions.TRAINING_RUNTIME)] = None,
    scope: options.ScopeOption = None,
    baseline: Annotated[str | None, option(questions.BASELINE_OF_TRAINING)] = None,
    link: Annotated[str | None, option(questions.LINK)] = None,
    between: Annotated[str | None, option(questions.BETWEEN)] = None,
    site: options.Site,
    making: options.Making,
    to: options.Writing,
) -> None:
    """What training costs: time, energy and memory of a step, and of a run of N tokens.

    Example: bitnet-cost train llama-3.1-8b -H h100-sxm-80gb --devices 8 --tp 8
    """
    from bitnet_cost.studies import training
    from bitnet_cost.views import training as view

    plan: dict[str, Any] = batches._asdict() | division._asdict() | method._asdict()
    plan["tokens"] = None if batches.tokens is None else token_count(batches.tokens)
    found = training.train(
        model, once(hardware or [training.DEVICE]), once(precision or []),
        training.Terms(runtime, scope, baseline, facility(site, making), link, between), **plan,
    )  # fmt: skip
    rows = [view.record(result) for result in found]
    deliver(to, Offer(lambda: [view.report(found)], lambda: view.document(found), lambda: rows))
