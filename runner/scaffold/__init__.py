"""`init`, `migrate`, `fmt`, `data import`."""
