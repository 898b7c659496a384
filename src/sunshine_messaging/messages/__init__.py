"""Messages: model, operations, changes and table."""
