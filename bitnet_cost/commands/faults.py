"""What is wrong with a command line, in the form of every other message: what, and what to write instead."""

from __future__ import annotations

import re
import sys
from typing import Any

from bitnet_cost import questions
from bitnet_cost.errors import close_to, either, labelled
from bitnet_cost.numerals import digits

EXAMPLE = re.compile(r"Example: (.+)")


def as_message(fault: Any) -> str:
    """The message of a fault that the library of commands found."""
    context = fault.ctx
    command = context.command_path if context else "bitnet-cost"
    verb = command.rpartition(" ")[2]
    seen = type(fault).__name__
    if seen == "NoSuchOption":
        return _no_option(fault.option_name, context, command)
    if seen == "MissingParameter":
        wants = [*filter(None, [_flag(fault.param)]), _metavar(fault.param)]
        return f"{verb} needs {' '.join(wants)}" + labelled(
            did_you_mean=_hardware_among(sys.argv[2:]) if "-H" in fault.param.opts else "",
            for_example=_example(context),
            all_options=f"{command} --help",
        )
    if seen == "BadParameter":
        return _bad_value(fault, command)
    unknown = re.fullmatch(r"No such command '(.*?)'.*", fault.message)
    if unknown:
        return _no_command(unknown[1], context)
    extra = re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", fault.message)
    if extra:
        words = sys.argv
        for at in range(2, len(words) - 1):  # an option without its value took the next option for it
            if words[at + 1] == extra[1] and all(word.startswith("--") for word in words[at - 1 : at + 1]):
                return f"{words[at - 1]} needs a value before {words[at]}" + labelled(all_options=f"{command} --help")
        return f"{verb} takes no further word: {extra[1]!r}" + labelled(
            for_example=_example(context), all_options=f"{command} --help"
        )
    if seen == "BadOptionUsage" and "does not take" in fault.message:
        return f"{fault.option_name} takes no value" + labelled(write=fault.option_name)
    if seen == "BadOptionUsage":  # its value is missing
        return f"{fault.option_name} needs a value" + labelled(
            all_options=" ".join([command, *sys.argv[1:2], "--help"])
        )
    return str(fault.format_message()) + labelled(all_options=f"{command} --help")


def _hardware_among(words: list[str]) -> str:
    """Hardware that stands where a model should."""
    from bitnet_cost.readers import spelling

    found = next(filter(None, (spelling.meanings("hardware", word) for word in words if word[:1] != "-")), [])
    return f"-H {either(found)}?" if found else ""


def _example(context: Any) -> str:
    found = EXAMPLE.search((context.command.help if context else "") or "")
    return found[1] if found else ""


def _flag(param: Any) -> str:
    return max((flag for flag in param.opts if flag.startswith("-")), key=lambda flag: flag[:2] == "--", default="")


def _metavar(param: Any) -> str:
    declared = param.metavar if isinstance(getattr(param, "metavar", None), str) else ""
    return declared.strip("[]{}.") or param.name.strip("_").upper()


def _no_option(name: str, context: Any, command: str) -> str:
    verb = command.rpartition(" ")[2]
    known = [flag for param in context.command.params for flag in param.opts if flag.startswith("-")]
    instead = questions.ALSO_CALLED.get(name.lstrip("-").replace("_", "-").lower(), "")
    if instead.startswith("--") and instead not in known:
        instead = ""
    close = close_to(name, {flag: flag for flag in known}, 2)
    dashed = [flag for flag in known if name.lstrip("-").startswith(flag.lstrip("-")) and len(flag) > 3]
    meant = instead if instead.startswith("--") else either(close or dashed[:1]) if close or dashed else ""
    return f"{verb} has no option {name}" + labelled(
        did_you_mean=f"{meant}?" if meant and (not instead or instead == meant) else "",
        write=instead if not instead.startswith("--") else "", all_options=f"{command} --help",
    )  # fmt: skip


def _bad_value(fault: Any, command: str) -> str:
    param = fault.param
    name = (_flag(param) or _metavar(param)) if param is not None else command
    listing = re.search(r"(?:is )?not one of (.*?)\.?$", fault.message, re.DOTALL)
    quoted = re.search(r"'(.*?)' is not", fault.message, re.DOTALL)
    word = quoted[1] if quoted else _typed(param) if param is not None else ""
    if listing and word:
        choices = re.findall(r"'([^']+)'", listing[1])
        close = close_to(word.lower(), {choice: choice for choice in choices}, 1)
        return f"{name}: {word!r} is not a choice" + labelled(
            did_you_mean=f"{close[0]}?" if close else "", one_of=", ".join(choices)
        )
    number = re.search(r"integer|float|number", fault.message)
    if number and word:
        whole = number[0] == "integer"
        what = "a whole number" if whole else "a number"
        return f"{name}: {word!r} is not {what}" + labelled(write=as_number(word, whole))
    return f"{name}: {fault.message}" + labelled(all_options=f"{command} --help")


def _typed(param: Any) -> str:
    """What was typed for an option; nothing for an argument, whose place is not known."""
    words = sys.argv[1:]
    for flag in param.opts:
        for word, after in zip(words, [*words[1:], ""], strict=True):
            if word == flag:
                return after
            if flag.startswith("-") and word.startswith(f"{flag}=" if flag[:2] == "--" else flag):
                return word.removeprefix(flag).removeprefix("=")
    return ""


_LETTERS = {"": (1,), "k": (1000, 1024), "m": (10**6,), "b": (10**9,), "%": (0.01,)}
_WORDS = {"one": "1", "two": "2", "three": "3", "four": "4", "eight": "8", "sixteen": "16"}


def as_number(word: str, whole: bool) -> str:
    """The numbers that a word may mean.

    >>> [as_number(word, True) for word in ("1k", "1e3", "two", "1,024", "x")]
    ['1000 or 1024', '1000', '2', '1024', '']
    >>> [as_number(word, False) for word in ("0,3", "1.5M", "80%")]
    ['0.3', '1500000', '0.8']
    """
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    plain = word.replace(",", "") if re.fullmatch(r"\d{1,3}(,\d{3})+", word) else word.replace(",", ".")
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?(?:e[+]?\d)?)\s*([kmb]?|%)", plain.lower())
    if found is None:
        return ""
    numbers = [float(found[1]) * scale for scale in _LETTERS[found[2]]]
    return either([str(round(number)) for number in numbers]) if whole else digits(numbers[0], 15)


def _no_command(word: str, context: Any) -> str:
    known = sorted(name for name, command in context.command.commands.items() if not command.hidden)
    instead = questions.COMMANDS_ALSO_CALLED.get(word.lower(), "")
    close = [instead] if instead else close_to(word.lower(), {name: name for name in known}, 1)
    from bitnet_cost.readers import spelling

    meant = f"bitnet-cost {close[0]}?" if close else ""
    for kind, written in (("model", "estimate {}"), ("hardware", "compare MODEL -H {}")):
        found = [] if meant else spelling.meanings(kind, word)
        if found:
            meant = f"bitnet-cost {written.format(found[0])}?"
    return f"there is no command {word!r}" + labelled(did_you_mean=meant, all_commands="bitnet-cost --help")
