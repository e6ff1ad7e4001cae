"""From the words of a command to the question that they ask."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

from bitnet_cost.commands.options import Asking, Deployment, Making, Site
from bitnet_cost.errors import BitnetCostError, labelled

if TYPE_CHECKING:
    from bitnet_cost.inputs.facility import Facility
    from bitnet_cost.ledger.answers import Answer


def ask(asked: Asking, placed: Deployment, default_hardware: tuple[str, ...] = (), *, several: bool = False) -> Answer:
    """The answer to a question, at some hardware where none is named; of several models where the command takes them.

    Raises:
        BitnetCostError: see `api.answer`.
    """
    from bitnet_cost import api
    from bitnet_cost.inputs.scenario import Scenario
    from bitnet_cost.inputs.workload import Workload
    from bitnet_cost.readers import catalog, machines
    from bitnet_cost.readers.spelling import pieces

    terms, (batch, prompt, generate) = asked.terms, asked.terms.work
    steps = 1 if generate is None else generate
    workload = Workload(batch, prompt, steps, terms.attention, terms.logits, terms.counting)
    at_nodes = _scaled(placed)
    names = once([*(asked.hardware or ([] if at_nodes else default_hardware or api.CLASSIC_HARDWARE)), *at_nodes])
    named = [machines.linked(catalog.hardware(name), placed.link) for name in names]
    profiles = [h.with_prices(name) for h in named for name in once(placed.prices or ["own"])]
    models = [catalog.model(name) for name in (once(pieces([asked.model])) if several else [asked.model])]
    precisions = [catalog.precision(p) for p in once(asked.precision or api.with_own(api.CLASSIC_PRECISIONS, models))]
    scenarios = api.scenarios(
        models, profiles, precisions, workload, usual=generate is None, runtime=terms.runtime,
        scope=terms.scope, accumulator=terms.accumulator, facility=facility(placed.site, placed.making),
        **placed.sharing._asdict(), **placed.drafting._asdict(),
    )  # fmt: skip
    scenarios = [reduce(Scenario.changed, placed.changes or [], one) for one in scenarios]
    return api.answer(scenarios, baseline=catalog.precision(terms.baseline) if terms.baseline else None)


def _scaled(placed: Deployment) -> list[str]:
    """The names of a node scaled from another, by each rule asked for, or by all that reach it.

    Raises:
        BitnetCostError: a rule without a node, or one that is not known.
    """
    from bitnet_cost.readers import nodes

    if placed.node is None:
        if placed.by:
            raise BitnetCostError("by: names the rule that scales a technology node; name that too, as in --node 5nm")
        return []
    rules = placed.by or nodes.reaching(placed.node, placed.scaled_from)
    return [nodes.name_of(placed.node, placed.scaled_from, rule) for rule in once(rules)]


def facility(site: Site, making: Making) -> Facility | None:
    """What turns energy and time into emissions and money; None where nothing of it is asked for."""
    usual = Making._field_defaults["lifetime"]
    if all(asked is None for asked in (*site, making.embodied)) and making.lifetime == usual:
        return None
    from bitnet_cost.inputs.facility import Facility
    from bitnet_cost.readers import electricity

    intensity, grid, zone = electricity.carbon_intensity(site.carbon) if site.carbon is not None else (None, "", None)
    price = None if site.price is None else _price(site.price)
    return Facility(
        1.0 if site.pue is None else site.pue, intensity, price, grid,
        site.device_hour, _grams(making.embodied), making.lifetime, zone, site.host,
    )  # fmt: skip


def _price(text: str) -> float:
    """Price of electricity, of a number or a country.  [USD/J]"""
    from bitnet_cost.commands.faults import as_number
    from bitnet_cost.readers import electricity

    meant = as_number(text, whole=False)
    if meant and meant != text and text[:1].isdigit():
        raise BitnetCostError(f"--price: {text!r} is not a number" + labelled(write=meant))
    return electricity.price(text)


def _grams(embodied: str | None) -> float | Literal["profile"] | None:
    if embodied is None or embodied == "profile":
        return embodied  # type: ignore[return-value]  # one of the two
    try:
        return float(embodied) * 1e3
    except ValueError:
        raise BitnetCostError(f"embodied: {embodied!r} is neither kilograms nor 'profile'") from None


def once(names: Any) -> list[str]:
    """Each name once, in their order."""
    return list(dict.fromkeys(names))
