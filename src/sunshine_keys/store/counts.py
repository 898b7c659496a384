"""Counts of objects, as a phrase."""

from __future__ import annotations


def phrase(counts: dict[str, int]) -> str:
    """Return counts by plural noun as a phrase, such as `1 app, 2 keys`."""
    return ", ".join(f"{count} {noun.removesuffix('s') if count == 1 else noun}" for noun, count in counts.items())
