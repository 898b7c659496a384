"""Clients: model, operations, changes and table."""
