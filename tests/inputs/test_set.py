"""``--set PATH=VALUE``: another figure of the hardware or the runtime, with its unit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bitnet_cost import api
from bitnet_cost.errors import BitnetCostError
from tests.conftest import Ran

ASKED = api.estimate("gpt2", "l4", "int8").scenario


def test_a_figure_is_exact_and_assumed() -> None:
    figure = ASKED.changed("hierarchy.gddr6.bandwidth=600 GB/s").figure("hierarchy.gddr6.bandwidth")
    assert (figure.low, figure.value, figure.high, figure.basis) == (4.8e12, 4.8e12, 4.8e12, "assumed")
    assert ASKED.changed("runtime.kernels.linear.compute=50 %").figure("runtime.kernels.linear.compute").value == 0.5


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("nonsense", "set: 'nonsense' is not PATH=VALUE, as in hierarchy.hbm.bandwidth='4 TB/s'"),
        ("power.static=", "is not PATH=VALUE"),
        ("power.static=20", "set: power.static: '20' has no unit"),
        ("power.static=20 GB", "set: power.static: '20 GB' is capacity; this field wants power"),
        ("power.static=1000 W", "set: power.static: cap 72 W is not above static 1000 W"),
        ("power.statik=20 W", "set: power.statik: the profile has no 'statik'; did you mean 'static'?"),
        ("workload.batch=3", "set: workload.batch: is not a cited figure"),
        ("hierarchy=3 W", "set: hierarchy: is not a figure"),
    ],
)
def test_what_is_refused(change: str, words: str) -> None:
    with pytest.raises(BitnetCostError) as fault:
        ASKED.changed(change)
    assert words in str(fault.value)


def test_the_command_takes_several(bitnet_cost: Callable[..., Ran]) -> None:
    words = ("estimate", "gpt2", "-H", "l4", "-p", "int8", "--set", "power.static=9 W", "--set", "rates.int8=100 TOP/s")
    ran = bitnet_cost(*words)
    assert ran.code == 0
    assert ran.out != bitnet_cost(*words[:6]).out
    assert bitnet_cost(*words[:6], "--set", "rates.int8=fast").code == 2
