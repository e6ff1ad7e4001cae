"""Puts the catalogue as objects into a wheel; without the libraries that read it the wheel has YAML alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PrebuiltCatalogue(BuildHookInterface[Any]):
    """Runs `scripts.prebuild`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the objects and add them to the wheel; an editable installation reads its own files."""
        if version == "editable":
            return
        # names in a fixed order, so that a build can be repeated to the bit
        settings = os.environ | {"PYTHONHASHSEED": "0"}
        done = subprocess.run(
            [sys.executable, "-m", "scripts.prebuild"],
            cwd=self.root,
            env=settings,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            self.app.display_warning(f"the catalogue was not built in:\n{done.stderr}")
            return
        build_data["force_include"][str(Path(self.root) / "bitnet_cost" / "prebuilt")] = "bitnet_cost/prebuilt"
