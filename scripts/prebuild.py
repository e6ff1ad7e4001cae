"""Write ``bitnet_cost/prebuilt``: the catalogue as objects, so that a cold start reads no YAML.

python -m scripts.prebuild

A build of the wheel runs it; in a checkout it is run by hand, and what it writes is ignored by git.
"""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

from bitnet_cost.inputs.accuracy import Accuracy
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.calibration import Constants
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.composed import Memories
from bitnet_cost.inputs.facility import Grids
from bitnet_cost.inputs.hardware import Hardware, Links
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.quality import Quality
from bitnet_cost.inputs.ranges import Ranges
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.training import TrainingRuntime
from bitnet_cost.readers import catalog, electricity, prebuilt, quality
from bitnet_cost.readers.document import Document
from bitnet_cost.readers.yaml_file import read_yaml

KINDS: dict[str, type[Input]] = {
    "model": Architecture, "hardware": Hardware, "precision": Precision, "runtime": RuntimeProfile,
    "training-runtime": TrainingRuntime,
}  # fmt: skip
FILES: dict[str, type[Input]] = {
    **{f"{catalog.FOLDERS[kind]}/{name}.yaml": model for kind, model in KINDS.items() for name in catalog.names(kind)},
    catalog.LINKS: Links, electricity.GRIDS: Grids, catalog.MEMORIES: Memories, catalog.RANGES: Ranges,
    catalog.CONSTANTS: Constants, catalog.ACCURACY: Accuracy,
    **{f"{quality.FOLDER}/{file}.yaml": Quality for file in quality.files()},
}  # fmt: skip


def made(name: str) -> tuple[dict[str, Any], Input]:
    """Checksums of all that an object is made of, and the object, from YAML."""
    top, files = catalog.place(name).parents[name.count("/")], []

    def reading(path: Path) -> Document:
        files.append(path.relative_to(top).as_posix())
        return read_yaml(path)

    with mock.patch.object(catalog, "read_yaml", reading):
        found = catalog.from_yaml(name, FILES[name])
    return prebuilt.checksums(files), found


def main(folder: Path = prebuilt.FOLDER) -> None:
    """Write an object for each file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in FILES:
        with (folder / prebuilt.path_of(name).name).open("wb") as stream:
            for part in made(name):
                pickle.dump(part, stream, protocol=5)


if __name__ == "__main__":
    main()
