"""Apps: model, operations, changes and table."""
