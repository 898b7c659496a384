"""Activities: reads and typing. They are not stored, but what a read changes is."""
