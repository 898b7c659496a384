"""The one place that states the version of this distribution."""

__version__ = "0.1.0"
