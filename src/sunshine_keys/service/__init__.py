"""What the operations mean: who may do what, limits, secrets, revocation. Knows nothing of HTTP."""
