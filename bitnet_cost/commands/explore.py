"""One question as a page that answers it again for other numbers: explore."""

from __future__ import annotations

from typing import Annotated

from bitnet_cost import questions
from bitnet_cost.commands import options
from bitnet_cost.commands.asking import facility, once
from bitnet_cost.commands.options import argument, option, with_groups
from bitnet_cost.commands.root import app
from bitnet_cost.commands.writing import must_end, write
from bitnet_cost.words import Scope


@app.command()
@with_groups
def explore(
    *,
    models: Annotated[list[str], argument(questions.MODELS)],
    hardware: Annotated[list[str] | None, option(questions.HARDWARE_EXPLORED)] = None,
    precision: Annotated[list[str] | None, option(questions.PRECISIONS_SIDE_BY_SIDE)] = None,
    work: options.Work,
    scope: Annotated[Scope | None, option(questions.SCOPE_EXPLORED)] = None,
    runtime: options.RuntimeOption = None,
    sharing: options.Sharing,
    pue: Annotated[float | None, option(questions.PUE)] = None,
    carbon: Annotated[str | None, option(questions.CARBON_EXPLORED)] = None,
    price: Annotated[str | None, option(questions.PRICE_EXPLORED)] = None,
    device_hour: Annotated[float | None, option(questions.DEVICE_HOUR)] = None,
    output: Annotated[str | None, option(questions.REPORT_OUTPUT)] = None,
) -> None:
    """One offline HTML file with sliders: batch, tokens, devices, bandwidth, prices; the answer follows at once.

    Example: bitnet-cost explore llama-3.1-8b -H h100-sxm-80gb -o explorer.html
    """
    must_end(output, ".html", ".htm")
    from bitnet_cost import api
    from bitnet_cost.inputs.division import refusal
    from bitnet_cost.inputs.facility import Facility
    from bitnet_cost.inputs.workload import Workload
    from bitnet_cost.readers import catalog
    from bitnet_cost.readers.spelling import pieces
    from bitnet_cost.studies.explore import USUAL_HARDWARE, Start, counts_of, explored
    from bitnet_cost.views.explorer import as_explorer

    names, precisions = once(hardware or USUAL_HARDWARE), once(precision or api.COMPARED_PRECISIONS)
    subjects = once(pieces(models))
    architectures = [catalog.model(name) for name in subjects]
    profiles = [catalog.hardware(name) for name in names]
    wanted = [catalog.precision(name) for name in precisions]
    typed = dict(zip((m.name for m in architectures), subjects, strict=True))
    typed |= dict(zip((p.name for p in profiles), names, strict=True))
    typed |= dict(zip((p.name for p in wanted), precisions, strict=True))
    place = facility(options.Site(pue, carbon or "world", price or "0", device_hour), options.Making()) or Facility()
    given = [(flag, value) for flag, value in (("--runtime", runtime), ("--device-hour", device_hour)) if value]
    start = Start(place, typed, sharing.devices, tuple(str(word) for pair in given for word in pair))
    asked = []
    for profile in profiles:
        for devices in counts_of(profile, sharing.devices):
            whole = [one for one in architectures if refusal(one, devices, sharing.parallel) is None]
            shared = architectures if devices == sharing.devices else whole
            if not shared:
                continue
            asked += api.scenarios(
                shared, [profile], wanted, Workload(work.batch, work.prompt, work.generate or 1),
                runtime=runtime, usual=work.generate is None, devices=devices,
                scope=scope or ("facility" if profile.has_clock else None),
                parallel=sharing.parallel, offload=sharing.offload, facility=place,
            )  # fmt: skip
    write(as_explorer(explored(asked, start)), output)
