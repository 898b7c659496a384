"""Webhooks: model, operations, changes and table."""
