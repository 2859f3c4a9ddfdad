"""prepare, tune, generate, score: one `run` each. They see the engines' protocol, never MLX."""
