"""Types of GGUF tensors, and which of them a mixture of llama.cpp gives to which matrix: data, without a model.

Types: llama.cpp, ggml/include/ggml.h (numbers) and ggml/src/ggml-common.h (blocks). Mixtures: llama.cpp,
src/llama-quant.cpp, `llama_tensor_get_type_impl`, read at commit 007dbbf of 2026. MIT licence; facts, in our words.
"""

from __future__ import annotations

from typing import NamedTuple

BLOCKS: dict[str, tuple[int, int]] = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "f64": (1, 8), "i8": (1, 1), "i16": (1, 2), "i32": (1, 4),
    "i64": (1, 8), "q4_0": (32, 18), "q4_1": (32, 20), "q5_0": (32, 22), "q5_1": (32, 24), "q8_0": (32, 34),
    "q8_1": (32, 36), "q2_k": (256, 84), "q3_k": (256, 110), "q4_k": (256, 144), "q5_k": (256, 176),
    "q6_k": (256, 210), "q8_k": (256, 292), "iq1_s": (256, 50), "iq1_m": (256, 56), "iq2_xxs": (256, 66),
    "iq2_xs": (256, 74), "iq2_s": (256, 82), "iq3_xxs": (256, 98), "iq3_s": (256, 110), "iq4_nl": (32, 18),
    "iq4_xs": (256, 136), "tq1_0": (256, 54), "tq2_0": (256, 66), "mxfp4": (32, 17), "nvfp4": (64, 36),
    "q1_0": (128, 18), "i2_s": (4, 1),
}  # fmt: skip
"""Entries and bytes of one block. I2_S is microsoft/BitNet's, 2 bits an entry."""

NUMBERS: dict[int, str] = {
    0: "f32", 1: "f16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 9: "q8_1", 10: "q2_k", 11: "q3_k",
    12: "q4_k", 13: "q5_k", 14: "q6_k", 15: "q8_k", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs", 19: "iq1_s",
    20: "iq4_nl", 21: "iq3_s", 22: "iq2_s", 23: "iq4_xs", 24: "i8", 25: "i16", 26: "i32", 27: "i64", 28: "f64",
    29: "iq1_m", 30: "bf16", 34: "tq1_0", 35: "tq2_0", 36: "i2_s", 39: "mxfp4", 40: "nvfp4", 41: "q1_0",
}  # fmt: skip
"""Types by their number in a file. bitnet.cpp writes I2_S as 36, which llama.cpp has withdrawn."""

FALLBACK = {
    "q2_k": "q4_0", "q3_k": "q4_0", "tq1_0": "q4_0", "tq2_0": "q4_0", "q4_k": "q5_0", "q5_k": "q5_1", "q6_k": "q8_0",
    **dict.fromkeys(("iq1_s", "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s", "iq4_xs"), "iq4_nl"),
}  # fmt: skip
"""The type in the place of one whose blocks do not divide a row (`tensor_type_fallback`)."""

Choice = tuple[tuple[str, str], ...]
"""``(condition, type)``, the first that holds. Conditions are the keys of `engine.mixtures.CONDITIONS`."""

ALWAYS = ""


class Mixture(NamedTuple):
    """The types of one way to quantise a file: a base, and the matrices that have another."""

    base: str
    table: str = ""  # the token table, where the output has a matrix of its own; left out: the base
    head: str = "q6_k"  # the output matrix, and the token table that is also the output
    value: Choice = ()
    key: Choice = ()
    query: Choice = ()
    output: Choice = ()
    down: Choice = ()
    up: Choice = ()  # and gate
    experts: Choice = ()  # all matrices of experts
    eight: Choice = (("value", "q8_0"), ("key", "q8_0"))  # of eight experts, as Mixtral: role and type


def _low(base: str, *, more: str, table: str, output: str = "") -> Mixture:
    """One to two bits: more for values, the first down matrices and, of most, the output projection."""
    return Mixture(
        base, table=table, head="q5_k", value=(("grouped", "q4_k"), ("four experts", "q4_k"), (ALWAYS, more)),
        down=(("first eighth", more),), output=((ALWAYS, output),) if output else (),
        eight=(("key", "q4_k"), ("output", "q5_k")),
    )  # fmt: skip


_EIGHT = (("value", "q8_0"), ("key", "q8_0"), ("output", "q5_k"))
_MORE = (("more bits", "q6_k"),)

MIXTURES: dict[str, Mixture] = {
    "f16": Mixture("f16", head="f16", eight=()),
    "bf16": Mixture("bf16", head="bf16", eight=()),
    "q8_0": Mixture("q8_0", head="q8_0"),
    **{base: Mixture(base) for base in ("q4_0", "q4_1", "q5_0", "q5_1", "q6_k")},
    "q5_k_s": Mixture("q5_k"),
    "q5_k_m": Mixture("q5_k", value=_MORE, down=_MORE),
    "q4_k_s": Mixture("q4_k", value=(("first 4", "q5_k"),), down=(("first eighth", "q5_k"),), eight=_EIGHT),
    "q4_k_m": Mixture("q4_k", value=_MORE, down=_MORE, eight=_EIGHT),
    "q3_k_s": Mixture("q3_k", eight=_EIGHT),
    "q3_k_m": Mixture("q3_k", value=(("first 2", "q5_k"), (ALWAYS, "q4_k")), output=((ALWAYS, "q4_k"),),
                      down=(("first sixteenth", "q5_k"), (ALWAYS, "q4_k")), eight=_EIGHT),
    "q3_k_l": Mixture("q3_k", value=((ALWAYS, "q5_k"),), output=((ALWAYS, "q5_k"),), down=((ALWAYS, "q5_k"),)),
    "q2_k": Mixture("q2_k", value=(("grouped", "q4_k"), (ALWAYS, "q3_k")), output=((ALWAYS, "q3_k"),),
                    down=((ALWAYS, "q3_k"),), eight=_EIGHT),
    "q2_k_s": Mixture("q2_k", value=(("grouped", "q4_k"),), down=(("first eighth", "q4_k"),)),
    # Until January 2024 (pull request 4872 and after) all but queries and keys had three bits.
    "q2_k-2023": Mixture("q2_k", value=((ALWAYS, "q3_k"),), output=((ALWAYS, "q3_k"),), down=((ALWAYS, "q3_k"),),
                         up=((ALWAYS, "q3_k"),), eight=()),
    "iq4_nl": Mixture("iq4_nl", value=(("grouped", "q5_k"),), down=(("first eighth", "q5_k"),), eight=_EIGHT),
    "iq4_xs": Mixture("iq4_xs", value=(("grouped", "q5_k"),), down=(("first eighth", "q5_k"),), eight=_EIGHT),
    "iq3_m": Mixture("iq3_s", value=((ALWAYS, "q4_k"),), output=((ALWAYS, "q4_k"),),
                     down=(("first eighth", "q4_k"), ("more bits of eight", "q4_k")), eight=_EIGHT),
    "iq3_s": Mixture("iq3_s", value=(("grouped", "q4_k"),), eight=_EIGHT),
    "iq3_xs": Mixture("iq3_s", value=(("grouped", "q4_k"),), key=((ALWAYS, "iq3_xxs"),),
                      query=((ALWAYS, "iq3_xxs"),), up=(("middle", "iq3_xxs"),), eight=_EIGHT),
    "iq3_xxs": Mixture("iq3_xxs", table="iq3_s", head="q5_k", value=(("grouped", "q4_k"),),
                       key=((ALWAYS, "iq2_s"),), query=((ALWAYS, "iq2_s"),), output=((ALWAYS, "iq3_s"),),
                       eight=_EIGHT),
    "iq2_m": _low("iq2_s", more="iq3_s", table="iq3_s", output="iq3_s"),
    "iq2_s": _low("iq2_xs", more="iq3_s", table="iq3_s", output="iq3_s"),
    "iq2_xs": _low("iq2_xs", more="q2_k", table="q2_k"),
    "iq2_xxs": _low("iq2_xxs", more="q2_k", table="q2_k"),
    "iq1_m": _low("iq1_m", more="q2_k", table="q2_k", output="iq2_xxs"),
    "iq1_s": _low("iq1_s", more="q2_k", table="q2_k", output="iq2_xxs"),
    "tq1_0": Mixture("tq1_0", table="q4_k"),
    "tq2_0": Mixture("tq2_0", table="q4_k"),
    "mxfp4_moe": Mixture("q8_0", head="q8_0", experts=((ALWAYS, "mxfp4"),), eight=()),
    "i2_s": Mixture("i2_s", table="f16", head="f16", eight=()),  # bitnet.cpp
}  # fmt: skip
"""Every mixture, by the name that ``llama-quantize`` gives it in small letters. IQ1 to IQ3 need an
importance matrix and are as with one; the others are as without."""
