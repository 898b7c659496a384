"""`python -m sunshine_keys` is the command `sunshine-keys`."""

from sunshine_keys.cli import main

main()
