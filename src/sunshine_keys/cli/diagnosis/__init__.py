"""The diagnosis of `doctor`: why the service accepts or refuses credentials or a request."""
