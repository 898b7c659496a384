"""Conversations: model, operations, changes and table."""
