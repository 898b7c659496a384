"""Simulated people: what a person does in a messenger, for developers and tests. The vendor has channels and people instead."""
