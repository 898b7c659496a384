"""The wire: routes, authentication headers, bodies, the error envelope. Plain ASGI."""
