"""`data import`: tables and pictures that people have → JSONL rows, their splits and the spec's lines for them."""
