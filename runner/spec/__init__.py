"""YAML text → `Spec`: strict loader with positions, schema as data, resolving, diagnostics."""
