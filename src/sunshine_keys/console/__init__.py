"""The console: pages at /console, rendered here, for people who manage apps, integrations and keys.

The service imports it at the first request for one of its pages.
"""
