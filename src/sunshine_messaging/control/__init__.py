"""Control of conversations: which entry of the switchboard answers, and who hears what."""
