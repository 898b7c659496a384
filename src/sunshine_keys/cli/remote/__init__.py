"""Commands that manage a service over the network, this one or the vendor's, by the client."""
