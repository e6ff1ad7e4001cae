"""Equal loss as a page: for each hardware every law's size against the energy that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bitnet_cost.studies.equal_loss import EqualLoss, Place
from bitnet_cost.studies.equal_loss_report import document, law_rows, priced_answer, report
from bitnet_cost.tables import Table
from bitnet_cost.views.charts import Chart, apart
from bitnet_cost.views.figures import Drawing, Label, Layout, Look, log_axis, trace
from bitnet_cost.views.honesty import uncounted
from bitnet_cost.views.page import Page, how_to_reproduce, one_chart
from bitnet_cost.views.verdict import hardware_name, place_words, precision_name

SCOPES = {"arithmetic": ", arithmetic alone", "memory": ", with memory traffic"}


def equal_loss_page(found: Sequence[EqualLoss], command: str) -> Page:
    """The first precision's report; charts of each precision on each hardware."""
    told = [report(each) for each in found]
    charts = tuple(
        _chart(each, place, told[i].tables[0], f"{each.narrow.name}-{n}")
        for i, each in enumerate(found) for n, place in enumerate(each.places) if place.changes
    )  # fmt: skip
    documents = [document(each) for each in found]
    tables = tuple(table for each in told for table in each.whole.tables)
    whole: dict[str, Any] = documents[0] if len(documents) == 1 else {"precisions": documents}
    rows = [
        {"precision": each.narrow.name} | {k: "; ".join(v) if isinstance(v, list) else v for k, v in row.items()}
        for each in found for row in law_rows(each)
    ]  # fmt: skip
    first = replace(told[0].whole, sentence=" ".join(each.sentence for each in told), tables=tables)
    return Page(
        first, charts, whole, rows, how_to_reproduce(command), not_counted=tuple(uncounted(priced_answer(found[0]))),
        tables_heading="Sizes and costs by law",
    )  # fmt: skip


def _chart(found: EqualLoss, place: Place, table: Table, name: str) -> Chart:
    """A mark for each law at its size, and a line over its range."""
    hardware = place.wide.hardware
    where = place_words(hardware, place.wide.devices, hardware_name(hardware)) + SCOPES.get(place.wide.scope, "")
    verdict = {
        "undecided": f"Which is cheaper is undecided {where}",
        "cheaper": f"{precision_name(found.narrow.name)} is cheaper {where}",
        "dearer": f"{precision_name(found.wide.name)} is cheaper {where}",
    }[place.verdict]
    traces, labels, sizes, ratios = [], [], [], [1.0]
    for number, priced in enumerate(place.priced):
        points = [
            (size / 1e9, float(r.energy_j) / float(place.wide.energy_j))
            for size, r in zip(priced.size.parameters, priced.results, strict=True) if r is not None and r.has_energy
        ]  # fmt: skip
        if priced.change is None or not points:
            continue
        law, nominal = priced.size.law.title, priced.size.parameters[1] / 1e9
        marked = next(point for point in points if point[0] == nominal)
        traces.append(trace(Look("scatter", number, listed=False), law, *zip(*points, strict=True)))
        sign = "circle-open" if priced.size.beyond else "circle"
        traces.append(trace(Look("scatter", number, "markers", sign=sign), law, [nominal], [marked[1]]))
        labels.append(Label(*marked, law, "ink", False, "right"))
        sizes += [x for x, _ in points]
        ratios += [y for _, y in points]
    across = log_axis(f"billion parameters of {found.narrow.name}", sizes)
    up = log_axis(f"energy over that of {found.model.name} in {found.wide.name}", ratios, suffix="x")
    drawing = Drawing(
        Layout(across, up, legend=False, right=130), tuple(traces), level=1.0, labels=tuple(apart(labels, ratios))
    )
    question = f"At the same loss, what does {precision_name(found.narrow.name)} need {where}?"
    note = "A line: the range of a law's size. Hollow: a law that is asked beyond what it was fitted on."
    words = "Log scales; below 1x it needs less."
    return one_chart(name, question, verdict, table, drawing, note, f"Energy at equal loss {where}", words)
