"""API keys: model, operations, changes and table."""
