"""The audit trail over the network."""
