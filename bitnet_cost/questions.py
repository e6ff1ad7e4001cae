"""What can be asked, each thing once: its name on the command line, what it means and what holds where it is left out.

The fields of `Scenario`, of sweeps and of studies, and the options of the commands take their words from here. Nothing
is imported but `typing`: ``--help`` needs the words, and is to be quick.
"""

from typing import Any, NamedTuple


class Asked(NamedTuple):
    """One thing that can be asked.

    >>> DEVICES.help, PARALLEL.description
    ('Devices that share the model.', 'how several devices share the model: split every matrix, or the layers')
    """

    flags: tuple[str, ...]
    meaning: str  # in words, without a capital or a full stop
    default: Any = None
    left_out: str = ""  # what holds then, where that is no one value
    metavar: str | None = None

    @property
    def help(self) -> str:
        """The text of an option."""
        ends = f" Default: {self.left_out}." if self.left_out else ""
        return f"{self.meaning[0].upper()}{self.meaning[1:]}.{ends}"

    @property
    def description(self) -> str:
        """The text of a field."""
        return f"{self.meaning}; left out: {self.left_out}" if self.left_out else self.meaning


BATCH = Asked(("--batch", "-b"), "sequences that run together", 1)
PROMPT = Asked(("--prompt",), "prompt tokens of each sequence", 512)
GENERATE = Asked(("--generate",), "generated tokens of each sequence", left_out="128 for decoders on devices, else 1")
ATTENTION = Asked(
    ("--attention",), "pairs scored in the prefill: P(P+1)/2 (causal) or P^2 (full)", left_out="causal; encoders: full"
)
LOGITS = Asked(("--logits",), "positions of the prefill that get logits", "last")
COUNTING = Asked(("--counting",), "what good serving software does, or the convention of a tracing counter", "serving")
SCOPE = Asked(("--scope",), "what the energy holds", left_out="arithmetic on technology nodes, device on devices")
ACCUMULATOR = Asked(("--accumulator",), "price integer additions as the papers do, or as INT32", "paper")
RUNTIME = Asked(("--runtime",), "software on a device", left_out="a tuned one for it", metavar="RUNTIME")
DEVICES = Asked(("--devices",), "devices that share the model", 1)
PARALLEL = Asked(
    ("--parallel",), "how several devices share the model: split every matrix, or the layers", "tensor"
)  # fmt: skip
