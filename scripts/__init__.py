"""Commands that write what is generated: documentation samples, rendered studies, the model catalogue."""
