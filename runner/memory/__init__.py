"""The memory contract: forecast, chooser, and the guard that watches a process tree from outside."""
