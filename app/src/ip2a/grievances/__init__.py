"""Grievances of members against employers."""
