"""The apps that the plane holds something of. The apps themselves are in the store of keys."""
