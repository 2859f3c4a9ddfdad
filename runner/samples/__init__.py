"""Samples and completions: what goes into a model and what comes out, and their files."""

from runner.samples.sample import Completion, Fact, ImageRef, Sample

__all__ = ["Completion", "Fact", "ImageRef", "Sample"]
