"""The console: pages at /console, rendered here, for people who manage apps, integrations and keys.

Nothing of it is imported before it is asked for.
"""
