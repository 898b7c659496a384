"""Integrations: model, operations, changes and table."""
