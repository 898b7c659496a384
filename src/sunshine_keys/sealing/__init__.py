"""The keys that secrets are encrypted under: sources, ring, rotation."""
