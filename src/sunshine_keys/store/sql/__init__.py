"""What the stores on SQL have in common: rows, reads, and what each change does; only how a statement is run differs."""
