"""What serving requests costs: load."""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from bitnet_cost import questions
from bitnet_cost.commands import options
from bitnet_cost.commands.asking import facility, once
from bitnet_cost.commands.options import option, with_groups
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import deliver, typed
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.views.formats import Offer
from bitnet_cost.words import Parallel

if TYPE_CHECKING:
    from bitnet_cost.ledger.load import LoadResult


class Requests(NamedTuple):
    """How often requests come, and how long they are."""

    rate: Annotated[str | None, option(questions.RATE)] = None
    requests_per_day: Annotated[float | None, option(questions.REQUESTS_OF_DAY)] = None
    peak: Annotated[float, option(questions.PEAK)] = questions.PEAK.default
    prompt: Annotated[int, option(questions.LOAD_PROMPT)] = questions.LOAD_PROMPT.default
    generate: Annotated[int, option(questions.LOAD_GENERATE)] = questions.LOAD_GENERATE.default
    cached: Annotated[int, option(questions.CACHED)] = questions.CACHED.default
    cv2: Annotated[float, option(questions.CV2)] = questions.CV2.default


class Service(NamedTuple):
    """How they are served, and the times that are wanted."""

    max_batch: Annotated[int | None, option(questions.MAX_BATCH)] = None
    static_cache: Annotated[int | None, option(questions.STATIC_CACHE)] = None
    slo_ttft: Annotated[float | None, option(questions.SLO_TTFT)] = None
    slo_tpot: Annotated[float | None, option(questions.SLO_TPOT)] = None
    percentile: Annotated[float | None, option(questions.PERCENTILE)] = None
    replicas: Annotated[str | None, option(questions.REPLICAS)] = None
    prefill_devices: Annotated[int | None, option(questions.PREFILL_DEVICES)] = None


@app.command()
@with_groups
def load(
    *,
    model: options.ModelArgument,
    hardware: Annotated[list[str] | None, option(questions.HARDWARE_LOADED)] = None,
    precision: Annotated[list[str] | None, option(questions.PRECISIONS_SIDE_BY_SIDE)] = None,
    requests: Requests,
    service: Service,
    devices: Annotated[str, option(questions.LOAD_DEVICES)] = questions.LOAD_DEVICES.default,
    parallel: Annotated[Parallel, option(questions.PARALLEL)] = questions.PARALLEL.default,
    runtime: options.RuntimeOption = None,
    scope: options.ScopeOption = None,
    baseline: Annotated[str | None, option(questions.BASELINE_OF_LOAD)] = None,
    link: Annotated[str | None, option(questions.LINK)] = None,
    site: options.Site,
    making: options.Making,
    to: options.PageWriting,
) -> None:
    """What serving requests as they come costs: devices, latency, energy of a day. The batch is a result.

    Example: bitnet-cost load llama-3.1-8b --requests-per-day 1000000
    """
    from bitnet_cost.studies import load as studies

    asked = studies.load_of(**requests._asdict(), **service._asdict())
    found = studies.serving(
        model, once(hardware or [studies.DEVICE]), once(precision or studies.PRECISIONS), asked,
        studies.Terms(runtime, scope, baseline, facility(site, making), devices, parallel, link),
    )  # fmt: skip
    deliver_loads([found], to)


def deliver_loads(found: "list[list[LoadResult]]", to: options.PageWriting) -> None:
    """Write a load's answer for each model.

    Raises:
        BitnetCostError: a page of several models.
    """
    from bitnet_cost.ledger.load import LoadAnswer
    from bitnet_cost.views import load as view

    answers = [LoadAnswer(tuple(results)) for results in found]

    def page() -> str:
        from bitnet_cost.studies import pages
        from bitnet_cost.views import html

        if len(answers) > 1:
            raise BitnetCostError("html: a page of a load has one model; name one")
        return html.as_html(pages.of_load(answers[0], typed()), to.plotly)

    def document() -> Any:
        documents = [view.document(results) for results in found]
        return documents[0] if len(documents) == 1 else documents

    def rows() -> list[dict[str, Any]]:
        return [row for answer in answers for row in answer.to_records()]

    deliver(to, Offer(lambda: [view.report(results) for results in found], document, rows, page))
