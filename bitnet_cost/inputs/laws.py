"""Scaling laws as published: form, constants with their error, the range they were fitted on, source."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from bitnet_cost.inputs.cited import Input

Form = Literal["size", "tokens", "critical size", "precision"]
NEEDED: dict[Form, set[str]] = {
    "size": {"scale", "exponent", "floor"},
    "tokens": {"scale", "exponent", "floor", "data", "data_exponent"},
    "critical size": {"critical", "exponent"},
    "precision": {"scale", "exponent", "floor", "data", "data_exponent", "weights", "weights_offset"},
}
OPTIONAL: dict[Form, set[str]] = {"precision": {"activations", "activations_offset", "cache", "cache_offset"}}
WITHIN = 1.645  # standard errors on either side that hold nine of ten values


class Constant(Input):
    """A fitted constant, and how well it is known."""

    value: float = Field(description="as printed")
    error: float | None = Field(None, gt=0, description="standard error that the source prints")
    rounding: float | None = Field(None, gt=0, description="half a unit of the last printed digit, where no error is")

    @model_validator(mode="after")
    def _known(self) -> Self:
        if (self.error is None) == (self.rounding is None):
            raise ValueError("give the printed error, or half a unit of the last digit")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """Between what it is: in nine of ten cases where an error is printed, else as far as its digits tell."""
        half = WITHIN * self.error if self.error is not None else self.rounding or 0.0
        return self.value - half, self.value + half


class Side(Input):
    """Constants of a law for one precision, or for any where bits are in the form."""

    weight_bits: float | None = Field(None, ge=1, le=32, description="information bits of a weight; none: any")
    activation_bits: float | None = Field(None, ge=1, le=32, description="bits of activations in training; none: any")
    constants: dict[str, Constant] = Field(min_length=1, description="by the names of the form")


class Gap(Input):
    """A table of `quality/` with losses of two precisions trained alike, by size."""

    file: str = Field(min_length=1, description="name of the file")
    tables: list[str] = Field(min_length=1, description="short names of its tables")
    set: str = Field(min_length=1, description="the set whose perplexity is the loss")


class Law(Input):
    """One published scaling law."""

    title: str = Field(min_length=2, description="author and year, as tables name it")
    publication: str = Field(min_length=2, description="title of the publication")
    source: str = Field(min_length=2, description="arXiv number, and the equation or table in it")
    seen: Literal["opened", "second-hand", "memory"] = Field(description="how the constants are known; memory is weak")
    form: Form = Field(description="size: a/N^b + c; tokens: + B/D^beta; critical size: (N_c/N)^a; precision: N_eff")
    counts: Literal["all", "without embeddings"] = Field(description="the parameters that are counted")
    parameters_in: float = Field(1.0, gt=0, description="parameters of the form's N: 1e6 where it is in millions")
    tokens_in: float = Field(1.0, gt=0, description="tokens of the form's D")
    parameters: list[float] = Field(min_length=2, max_length=2, description="smallest and largest model fitted on")
    tokens: list[float] | None = Field(None, min_length=2, max_length=2, description="fewest and most training tokens")
    bits: list[float] | None = Field(None, min_length=2, max_length=2, description="fewest and most bits fitted on")
    sides: list[Side] = Field([], description="constants by precision")
    points: Gap | None = Field(None, description="published points that constants are fitted to, where none is printed")
    note: str = Field("", description="what a reader should know")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.sides) == (self.points is not None):
            raise ValueError("give the constants, or the points to fit them to")
        needed, optional = NEEDED[self.form], OPTIONAL.get(self.form, set())
        for side in self.sides:
            names = set(side.constants)
            if needed - names or names - needed - optional:
                raise ValueError(f"form {self.form!r} has the constants {', '.join(sorted(needed | optional))}")
            if (side.weight_bits is None) != (self.form == "precision"):
                raise ValueError("weight_bits are those of a side, unless the form has the bits")
        for ends in (self.parameters, self.tokens, self.bits):
            if ends is not None and ends[0] > ends[1]:
                raise ValueError("a range has its lower end first")
        return self


class LearningRate(Input):
    """Learning rates that a paper trained with: cited, never modelled."""

    model: str = Field(min_length=2, description="model and size, as printed")
    rate: float = Field(gt=0, le=1, description="peak learning rate")
    then: float | None = Field(None, gt=0, le=1, description="peak of the second stage, where there is one")
    source: str = Field(min_length=2, description="arXiv number or repository, and the table")
    outcome: str = Field("converges", min_length=2, description="what is printed of it")


class Laws(Input):
    """Every scaling law of the catalogue, and the tables that give the loss of one precision against another's."""

    name: str = Field(min_length=1, description="name of the file")
    title: str = Field(min_length=2, description="in words")
    laws: dict[str, Law] = Field(min_length=1, description="by a short name")
    gaps: list[Gap] = Field([], description="where a law of one precision takes the other's distance from")
    learning_rates: list[LearningRate] = Field([], description="training stability, as published")
