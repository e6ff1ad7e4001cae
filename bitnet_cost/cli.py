"""The entry ``bitnet_cost.cli:main`` of the installed command; the commands are in `bitnet_cost.commands`."""

import gc


def main() -> None:
    """Run the command line; an interrupt while it still loads ends it without a word, as one later does."""
    gc.set_threshold(100_000)  # imports make many objects and little garbage
    try:
        from bitnet_cost.commands.main import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
