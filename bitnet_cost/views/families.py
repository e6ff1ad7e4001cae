"""Families of precisions: the colour and the shape that one keeps in every chart, table and terminal."""

from __future__ import annotations

from typing import NamedTuple

from bitnet_cost.inputs.precision import Precision


class Family(NamedTuple):
    """A family's marks and words, on a light and on a dark ground, and its shape.

    Marks have at least 3:1 on their ground, words 4.5:1; the least distance under simulated protanopia, deuteranopia
    and tritanopia is 14 (CIE76).
    """

    name: str
    light: str
    dark: str
    light_text: str
    dark_text: str
    shape: str


FP32 = Family("fp32", "#8B939C", "#7A8490", "#59646F", "#9AA5B0", "square-open")
WIDE = Family("16 bit", "#454E58", "#CAD1D8", "#454E58", "#CAD1D8", "square")
EIGHT = Family("8 bit", "#2E9BC9", "#6CC6EC", "#1878A3", "#6CC6EC", "triangle-up")
FOUR = Family("4 bit", "#1D4F9C", "#5B92E8", "#1D4F9C", "#86B1F2", "diamond")
TWO = Family("2 to 3 bit", "#B45AA0", "#D889C6", "#B45AA0", "#D889C6", "pentagon")
ONE = Family("1 bit", "#D4450C", "#FF7A3D", "#C23D08", "#FF8B55", "circle")
FAMILIES = {family.dark_text: family for family in (FP32, WIDE, EIGHT, FOUR, TWO, ONE)}  # by the colour of a row's look


def is_one_bit(precision: Precision) -> bool:
    """Whether a linear weight carries less than two bits: +1/-1, or -1/0/+1."""
    return precision.information_bits < 2


def family_of(precision: Precision) -> Family:
    """The family of a precision, by the information bits of its linear weights."""
    bits = precision.information_bits
    for most, family in ((1.999, ONE), (3.7, TWO), (6, FOUR), (12, EIGHT), (24, WIDE)):
        if bits <= most:
            return family
    return FP32
