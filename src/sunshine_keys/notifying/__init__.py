"""Notify an operator of what happens to keys: a follower of the audit trail, and the targets that it sends events to."""
