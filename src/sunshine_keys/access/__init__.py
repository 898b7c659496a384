"""Who sends a request, and what their key may do."""
