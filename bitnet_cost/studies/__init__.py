"""Many points: published tables held against the model."""
