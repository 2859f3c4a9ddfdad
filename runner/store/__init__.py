"""artifacts/ and ssot/ on disk: look-up by key, append, verify."""
