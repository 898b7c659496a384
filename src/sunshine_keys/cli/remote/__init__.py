"""Commands that use the client to manage a service over the network: this one or the vendor's."""
