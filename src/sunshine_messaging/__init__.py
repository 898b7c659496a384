"""The conversation plane: users, conversations, participants and messages, with a store of their own.

The service mounts it (`sunshine_keys.messaging`) and imports it at the first request for one of its operations.
"""
