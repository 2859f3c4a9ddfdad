"""The loop over a plan: lock file, worker process, guard, signals, resume, journal."""
