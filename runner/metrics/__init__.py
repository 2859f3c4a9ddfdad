"""One pure function of samples a file; METRICS is the light table of all."""
