"""Everything between a socket and an operation: the reader, the protocol, the router, the checks and the answers."""
