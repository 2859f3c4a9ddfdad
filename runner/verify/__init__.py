"""`check`, `replay`, `diff`: recompute from record and evidence."""
