"""The protocol, the router and everything else between a socket and an operation."""
