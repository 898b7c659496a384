"""Sunshine Keys: the service that issues, lists, revokes and honours Sunshine Conversations API keys."""
