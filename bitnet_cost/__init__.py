"""What a language model costs in memory and energy, in FP32, FP16, INT8, 1-bit and what lies between."""
__version__ = "0.1.0"
