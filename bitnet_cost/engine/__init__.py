"""The pure core: count, then price. Reads no file, prints nothing, holds no state."""
