"""lorarun: a LoRA tuning campaign as code."""

__version__ = "0.1.0"
