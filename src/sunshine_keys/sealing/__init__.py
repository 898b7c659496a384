"""Sealing: the secrets in the store are encrypted under key-encryption keys, called sealing keys.

Read the modules in this order:

1. `store/seal_format.py`: a sealed value begins with the id of its sealing key.
2. `sealer.py`: `Sealer` encrypts and decrypts with a ring of sealing keys, one of which is current.
3. `sources.py`: where the ring comes from (a file, an environment variable, a command).
4. `ring.py`: builds the sealer of a store, and reloads the ring after another process has changed the current key.
5. `rotation.py`: makes another key current, reseals the secrets under it, and retires older keys.

The store records which key is current and which older keys may still be needed. It refuses a change whose secrets are not
sealed under the current key (`SealingKeyChanged`). `engine.py` then reloads the ring and tries again.
"""
