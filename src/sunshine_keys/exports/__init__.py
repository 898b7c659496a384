"""Exports: what a store keeps as lines of JSON, to be taken to another store, sealing key or kind of database.

The first line is the header, then one line a row, each after those it refers to (apps, integrations, webhooks, keys),
and the last line holds a digest of all before it: a file that was cut off or changed is noticed before anything is
imported. Secrets are sealed under a passphrase, or left out.
"""
