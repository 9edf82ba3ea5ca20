"""Accounts, roles and tokens are `auth`'s tables; administration adds none."""

from ip2a.auth.models import RoleName, User, UserRole

__all__ = ["RoleName", "User", "UserRole"]
