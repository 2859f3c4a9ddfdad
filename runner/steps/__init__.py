"""The kinds of steps, one `run` each (`steps.table` lists them). They see the engines' protocol, never MLX."""
