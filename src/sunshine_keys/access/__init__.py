"""Authenticate requests, and check what their keys may do."""
