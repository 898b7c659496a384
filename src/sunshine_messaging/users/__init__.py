"""Users: model, operations, changes and table."""
