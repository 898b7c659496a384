"""Participants: model, operations, changes and table."""
