"""Makes the real-model campaign's checkpoint and data: SmolLM2-135M-Instruct and Debian package descriptions."""
