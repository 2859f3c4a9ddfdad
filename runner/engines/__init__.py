"""The only room that knows MLX: loading, LoRA, the training loop, generation, adapters, device, memory trace.

`engines.protocol` knows no MLX and is what other rooms see.
"""
