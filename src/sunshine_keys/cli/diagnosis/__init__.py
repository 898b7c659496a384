"""Why a request was or would be refused, for whoever has the store; strangers are told no more than 401."""
