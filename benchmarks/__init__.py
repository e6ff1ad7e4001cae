"""Speed, as ratios in one run. Not tests: machines are noisy, and a figure here is read, not gated."""
