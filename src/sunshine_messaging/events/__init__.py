"""Events: what webhooks hear of. An event is stored in the transaction of the change that raises it."""
