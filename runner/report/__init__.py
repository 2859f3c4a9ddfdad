"""`Record` and evidence → text."""
