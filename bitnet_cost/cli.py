"""The entry ``bitnet_cost.cli:main`` of the installed command; the commands are in `bitnet_cost.commands`."""

from bitnet_cost.commands.main import app, main

__all__ = ["app", "main"]
