"""`Spec` → `Plan`: ordered steps, their keys, and why each runs. Pure: manifests and digests come as values."""
