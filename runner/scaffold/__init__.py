"""`init`, `migrate`, `fmt`, `export`; `data import` in `importing`."""
