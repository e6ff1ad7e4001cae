"""PUE, carbon, cost, requests a day, battery."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from bitnet_cost.inputs.facility import Facility
from tests.conftest import Ran

Run = Callable[..., Ran]
DEVICE = ("estimate", "llama-3-8b", "-H", "h100-sxm-80gb", "-p", "fp16")


def record(bitnet_cost: Run, *words: str) -> dict[str, Any]:
    ran = bitnet_cost(*DEVICE, *words, "-f", "json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)["records"][0]
    return found


def test_the_facility_multiplies_the_device(bitnet_cost: Run) -> None:
    device, facility = record(bitnet_cost), record(bitnet_cost, "--scope", "facility", "--pue", "1.25")
    assert facility["energy_j"] == pytest.approx(1.25 * device["energy_j"], rel=1e-12)
    assert facility["power_w"] == pytest.approx(device["power_w"], rel=1e-12)  # of the device
    assert facility["saving"] == pytest.approx(device["saving"], rel=1e-9)
    document = json.loads(bitnet_cost(*DEVICE, "--scope", "facility", "--pue", "1.25", "-f", "json").out)
    parts = {c["component"]: c["energy_j"] for c in document["components"]}
    assert parts["facility"] == pytest.approx(0.25 * device["energy_j"], rel=1e-12)
    assert sum(parts.values()) == pytest.approx(facility["energy_j"], rel=1e-9)
    assert sum(o["energy_j"] for o in document["operations"]) == pytest.approx(facility["energy_j"], rel=1e-9)


def test_a_host_draws_its_share_while_devices_work(bitnet_cost: Run) -> None:
    """1,200 W around eight devices, of which the supplies pass on 0.98, times the PUE; the scope follows."""
    device, housed = record(bitnet_cost), record(bitnet_cost, "--host", "server-pcie-5", "--pue", "1.25")
    assert housed["scope"] == "facility"
    share = 1200 / 8 * device["latency_s"]
    assert housed["energy_j"] == pytest.approx((device["energy_j"] + share) / 0.98 * 1.25, rel=1e-12)
    assert housed["power_w"] == pytest.approx(device["power_w"], rel=1e-12)  # of the device
    two = record(bitnet_cost, "--host", "server-pcie-5", "--devices", "2")
    bare = record(bitnet_cost, "--devices", "2")
    assert two["energy_j"] * 0.98 - bare["energy_j"] == pytest.approx(2 * 150 * bare["latency_s"], rel=1e-9)
    within = record(bitnet_cost, "--host", "server-pcie-5", "--scope", "device")
    assert within["energy_j"] == device["energy_j"]


def test_a_host_waits_with_its_devices(bitnet_cost: Run) -> None:
    words = ("load", "llama-3-8b", "-H", "h100-sxm-80gb", "-p", "fp16", "--rate", "0.5", "-f", "json")
    bare, housed = (
        json.loads(bitnet_cost(*words, *more).out)["records"][0] for more in ((), ("--host", "server-pcie-5"))
    )
    assert housed["energy_day_kwh"] * 0.98 - bare["energy_day_kwh"] == pytest.approx(0.150 * 24, rel=1e-6)


def test_a_host_around_a_training_step(bitnet_cost: Run) -> None:
    words = ("train", "llama-3-8b", "-H", "h100-sxm-80gb", "-p", "bf16", "--devices", "8", "--zero", "3", "-f", "json")
    bare, housed = (
        json.loads(bitnet_cost(*words, *more).out)["records"][0] for more in ((), ("--host", "server-pcie-5"))
    )
    assert housed["energy_step_j"] * 0.98 - bare["energy_step_j"] == pytest.approx(1200 * bare["step_s"], rel=1e-6)


@pytest.mark.parametrize(("name", "words"), [("nope", "no host is called 'nope'"), ("grace", "is not known")])
def test_a_host_that_cannot_be(bitnet_cost: Run, name: str, words: str) -> None:
    ran = bitnet_cost(*DEVICE, "--host", name)
    assert ran.code == 2
    assert words in ran.err


def test_carbon_and_cost_follow_the_energy(bitnet_cost: Run) -> None:
    found = record(bitnet_cost, "--carbon", "500", "--price", "0.36")
    assert found["carbon_g"] == pytest.approx(found["energy_j"] / 3.6e6 * 500, rel=1e-12)
    assert found["cost_usd"] == pytest.approx(found["energy_j"] / 3.6e6 * 0.36, rel=1e-12)
    assert record(bitnet_cost)["carbon_g"] is None
    germany = record(bitnet_cost, "--carbon", "DEU")
    assert germany["carbon_g"] == pytest.approx(germany["energy_j"] / 3.6e6 * 344.14, rel=1e-12)


def test_a_country_has_its_price_and_its_water(bitnet_cost: Run) -> None:
    """0.233 EUR/kWh at 1.0824 USD, 1.947 L/kWh: Eurostat and EcoLogits, of Germany."""
    found = record(bitnet_cost, "--carbon", "deu", "--price", "DEU")
    kwh = found["energy_j"] / 3.6e6
    assert found["cost_usd"] == pytest.approx(kwh * 0.233 * 1.0824, rel=1e-3)
    assert found["water_l"] == pytest.approx(kwh * 1.947, rel=1e-9)
    assert record(bitnet_cost, "--carbon", "344")["water_l"] is None
    ran = bitnet_cost(*DEVICE, "--price", "atlantis")
    assert (ran.code, ran.out) == (2, "")
    assert "a country whose price is known" in ran.err


def test_a_day_and_a_year(bitnet_cost: Run) -> None:
    text = bitnet_cost(*DEVICE, "--requests-per-day", "1e6", "--carbon", "deu", "--price", "0.2").out
    assert "1,000,000 requests a day" in text
    assert "deu, 2024" in " ".join(text.split())
    assert "CO2e" in text
    assert "USD" in text


def test_a_day_has_no_columns_for_what_was_not_asked(bitnet_cost: Run) -> None:
    text = bitnet_cost(*DEVICE, "--requests-per-day", "1e6", "-f", "markdown").out
    (head,) = (line for line in text.splitlines() if "kWh a day" in line)
    assert head == "| hardware | precision | batch | kWh a day | kWh a year |"


def test_a_day_in_json_and_csv(bitnet_cost: Run) -> None:
    ran = bitnet_cost(*DEVICE, "--batch", "4", "--requests-per-day", "1e6", "--price", "0.2", "-f", "json")
    document = json.loads(ran.out)
    day = document["days"][0]
    assert day["energy_j_per_day"] == pytest.approx(document["records"][0]["energy_j"] * 250_000, rel=1e-12)
    assert day["cost_usd_per_day"] == pytest.approx(day["energy_j_per_day"] / 3.6e6 * 0.2, rel=1e-12)
    assert day["carbon_g_per_day"] is None
    table = bitnet_cost(*DEVICE, "--requests-per-day", "1e6", "-f", "csv").out
    assert table.splitlines()[0].endswith("requests_per_day,energy_j_per_day,carbon_g_per_day,cost_usd_per_day")


def test_a_day_says_how_many_devices_it_keeps_busy(bitnet_cost: Run) -> None:
    words = ("--batch", "8", "--devices", "2", "--requests-per-day", "1e6")
    seconds = record(bitnet_cost, *words)["latency_s"]
    said = re.search(r"fp16 at h100-sxm-80gb:\s([\d.]+)\sdevices\sbusy", bitnet_cost(*DEVICE, *words).out)
    assert said
    assert float(said[1]) == pytest.approx(2 * seconds * 1e6 / 8 / 86400, rel=5e-3)


def test_grids_and_links_are_listed_and_suggested(bitnet_cost: Run) -> None:
    zones = {row["zone"]: row for row in json.loads(bitnet_cost("list", "grids", "-f", "json").out)}
    assert zones["deu"]["g/kWh"] == pytest.approx(344, abs=0.5)
    links = [row["name"] for row in json.loads(bitnet_cost("list", "links", "-f", "json").out)]
    assert "nvlink-4" in links
    misspelt = bitnet_cost(*DEVICE, "--carbon", "germny").err
    assert "did you mean  deu?" in misspelt
    assert "bitnet-cost list grids" in misspelt
    assert bitnet_cost(*DEVICE, "--carbon", "Germany").out == bitnet_cost(*DEVICE, "--carbon", "deu").out
    assert "bitnet-cost list links" in bitnet_cost(*DEVICE, "--link", "nvlink-9").err


def test_embodied_carbon_of_the_profile(bitnet_cost: Run) -> None:
    typed, cited = record(bitnet_cost, "--embodied", "164"), record(bitnet_cost, "--embodied", "profile")
    assert cited["carbon_g"] > 0  # without a grid only the making counts
    assert typed["carbon_g"] == cited["carbon_g"]
    typed = record(bitnet_cost, "--embodied", "164", "--carbon", "deu")
    assert record(bitnet_cost, "--embodied", "profile", "--carbon", "deu")["carbon_g"] == typed["carbon_g"]
    assert "120 to 250 kg" in bitnet_cost(*DEVICE, "--embodied", "profile").out
    ran = bitnet_cost(*DEVICE, "--embodied", "much")
    assert (ran.code, "'much'" in ran.err) == (2, True)


def test_device_hours_and_embodied_carbon_go_with_time_and_devices() -> None:
    import bitnet_cost

    site = Facility(usd_per_device_hour=3.0, embodied_g=164e3, lifetime_years=2.0)
    for devices in (1, 2):
        result = bitnet_cost.estimate("llama-2-7b", "h100-sxm-80gb", "fp16", facility=site, devices=devices)
        assert result.timing is not None
        assert result.cost_usd is not None
        assert result.carbon_g is not None
        seconds = devices * float(result.timing.total[0])
        assert float(result.cost_usd) == pytest.approx(seconds * 3 / 3600, rel=1e-12)
        assert float(result.carbon_g) == pytest.approx(seconds * 164e3 / (2 * 365.25 * 86400), rel=1e-12)
    node = bitnet_cost.estimate("llama-2-7b", "cmos-7nm", "fp16", facility=site)
    assert node.cost_usd is None  # no clock


def test_a_phone_counts_tokens_on_a_charge(bitnet_cost: Run) -> None:
    text = bitnet_cost("estimate", "bitnet-b1.58-2b4t", "-H", "apple-a17-pro", "-p", "bitnet-b1.58", "--notes").out
    assert "full battery" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pue", "0.9"], "pue"),
        (["--pue", "nan"], "pue"),
        (["--carbon", "atlantis"], "atlantis"),
        (["--carbon", "-5"], "carbon"),
        (["--carbon", "nan"], "carbon"),
        (["--price", "-1"], "price"),
        (["--price", "1e9"], "price"),
        (["--device-hour", "-1"], "device-hour"),
        (["--embodied", "nan"], "embodied"),
        (["--embodied", "100", "--lifetime", "0"], "lifetime"),
        (["--requests-per-day", "0"], "requests-per-day"),
        (["--requests-per-day", "inf"], "requests-per-day"),
        (["--runtime", "bitnet.cp"], "runtime"),
        (["--runtime", "bitnet.cpp"], "gpu"),
    ],
    ids=" ".join,
)
def test_bad_figures(bitnet_cost: Run, words: list[str], said: str) -> None:
    ran = bitnet_cost(*DEVICE, *words)
    assert ran.code == 2
    assert said in ran.err
    assert ran.out == ""


def test_a_node_has_no_runtime_and_no_capacity(bitnet_cost: Run) -> None:
    assert bitnet_cost("estimate", "gpt2", "--runtime", "vllm").code == 2
    assert "no capacity" in bitnet_cost("fit", "gpt2", "-H", "cmos-7nm").err


def test_a_saved_answer_of_a_facility_can_be_traced(bitnet_cost: Run) -> None:
    """Its figures follow from what stands in the file."""
    asked = ("--scope", "facility", "--pue", "1.3", "--carbon", "deu", "--price", "0.2", "--device-hour", "3")
    document = json.loads(bitnet_cost(*DEVICE, *asked, "--devices", "2", "-f", "json").out)
    (found,), given = document["records"], document["inputs"]
    assert (given["scope"], given["devices"], given["workload"]["attention"]) == ("facility", 2, "causal")
    site = given["facility"]
    parts = {c["component"]: c["energy_j"] for c in document["components"]}
    assert parts["facility"] == pytest.approx((site["pue"] - 1) * (found["energy_j"] - parts["facility"]), rel=1e-9)
    assert found["carbon_g"] == pytest.approx(site["carbon_g_per_j"] * found["energy_j"], rel=1e-12)
    hours = found["latency_s"] * given["devices"] / 3600
    cost = site["usd_per_j"] * found["energy_j"] + site["usd_per_device_hour"] * hours
    assert found["cost_usd"] == pytest.approx(cost, rel=1e-12)
    assert (site["zone"]["name"], site["zone"]["low"] < site["zone"]["value"]) == ("deu", True)
    assert Facility(**{name: value for name, value in site.items() if name != "zone"}).pue == 1.3
    assert "facility" not in json.loads(bitnet_cost(*DEVICE, "-f", "json").out)["inputs"]
