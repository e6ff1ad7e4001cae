"""The formulas: one equation each, with its citation and a doctest. Arrays broadcast, told numbers pass."""
