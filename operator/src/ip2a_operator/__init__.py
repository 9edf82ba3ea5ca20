"""The kopf operator that runs and scales an IP2A."""
