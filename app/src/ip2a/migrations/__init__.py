"""Alembic migrations of the platform's schema, run by `ip2a-app migrate` as ip2a_owner.

Expand and contract: a step must leave the version before it working, since both run during a rollout.
"""
