"""What this machine is: package versions, backend, chip, BLAS. Knows no MLX."""
