"""Models from files that are not ours: a configuration, or the header of a file of weights."""

from __future__ import annotations

from pathlib import Path

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.readers.kinds import is_gguf


def configuration(name: str) -> Architecture:
    """A model from a ``config.json`` or its folder, a ``.gguf`` or a ``.safetensors`` file, or an index of several.

    Raises:
        BitnetCostError: no such file, or one that is not read.
    """
    path = Path(name)
    if is_gguf(path):
        from bitnet_cost.readers.gguf import read_gguf

        return read_gguf(path)
    from bitnet_cost.readers.huggingface import read_config, read_weights

    weights = name.lower().endswith((".safetensors", ".safetensors.index.json"))
    return read_weights(path) if weights else read_config(path)


def imported(file: str | Path, *, name: str | None = None, source: str | None = None) -> Architecture:
    """What `configuration` reads, under another name or source if given.

    Raises:
        BitnetCostError: no such file, or one that is not read.
    """
    from bitnet_cost.inputs.architecture import qualified_name

    if not str(file):
        raise BitnetCostError("import: '' names no file; give a config.json or its folder")
    own = None if name is None else qualified_name(name, otherwise="")
    if own == "":
        raise BitnetCostError(f"name: {name!r} has no Latin letter or digit that a name could be made of")
    found = configuration(str(file))
    update = {} if own is None else {"name": own}
    return found.model_copy(update=update | ({"source": source} if source else {}))
