"""OAuth: partners' clients, their codes and access tokens."""
