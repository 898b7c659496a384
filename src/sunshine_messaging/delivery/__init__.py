"""The delivery of events to webhooks. Processes and nodes share the work by what the store holds."""
