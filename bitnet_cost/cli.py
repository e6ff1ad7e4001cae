"""The entry ``bitnet_cost.cli:main`` of the installed command; the commands are in `bitnet_cost.commands`."""


def main() -> None:
    """Run the command line; an interrupt while it still loads ends it without a word, as one later does."""
    try:
        from bitnet_cost.commands.main import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
