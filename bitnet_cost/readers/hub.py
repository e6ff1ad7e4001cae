"""A config.json from the Hugging Face hub, when the user asks for one by its id. The only network access there is."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bitnet_cost.errors import BitnetCostError

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def is_hub_id(name: str) -> bool:
    """Whether a word has the form of a hub id and is not a local file.

    >>> is_hub_id("org/name"), is_hub_id("folder/config.json"), is_hub_id("gpt2"), is_hub_id("../x")
    (True, False, False, False)
    """
    known = (".json", ".yaml", ".yml", ".gguf", ".safetensors")
    return bool(_ID.fullmatch(name)) and not name.lower().endswith(known) and not os.path.exists(name)


def fetch_config(identifier: str) -> Path:
    """Download the config.json of a hub id, or find it in the local cache.

    Raises:
        BitnetCostError: without the extra ``hub``, offline, or for an id that has no config.json for this user.
    """
    instead = "Pass a local config.json instead"
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise BitnetCostError(
            f"{identifier!r} reads like a hub id, which needs the extra bitnet-cost[hub]: pip install huggingface-hub."
            f" {instead}."
        ) from None
    try:
        return Path(hf_hub_download(identifier, "config.json"))
    except Exception as error:  # the client raises what its transport does
        reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
        raise BitnetCostError(f"{identifier!r}: no config.json from the hub ({reason}). {instead}.") from error
