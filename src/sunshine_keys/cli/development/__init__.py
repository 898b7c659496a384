"""The service of `dev`: everything that a bot needs on one machine, and a line for everything that happens."""
