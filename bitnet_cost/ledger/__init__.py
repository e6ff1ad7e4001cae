"""A run as a table: operators, what they do in each phase, and the one sum over it."""
