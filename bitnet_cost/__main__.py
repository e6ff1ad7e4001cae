"""``python -m bitnet_cost`` is the command ``bitnet-cost``."""

from bitnet_cost.cli import main

if __name__ == "__main__":
    main()
