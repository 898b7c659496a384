"""Switchboards and their entries: model, operations, changes and table."""
