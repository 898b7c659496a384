"""Attachments: model, operations, changes and table; forms, the bytes of files, and how they are served."""
