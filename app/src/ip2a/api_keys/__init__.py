"""API keys: how programs of other systems call the platform, with some of an account's permissions."""
