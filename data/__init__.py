"""Embedded data and models, and the scripts that made them. See README.md."""
