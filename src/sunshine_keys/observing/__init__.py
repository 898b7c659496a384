"""What an operator sees of a running service: its log, its metrics and its traces."""
