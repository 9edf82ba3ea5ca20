"""Measurements: what is promised stands in bars.toml, what was measured in results/."""
