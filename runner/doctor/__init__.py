"""One probe a file."""
