"""Checkpoints: facts of config.json, vetting of a folder, getting it from the hub, the lock."""
