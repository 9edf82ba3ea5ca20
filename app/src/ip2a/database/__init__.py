"""How the platform reaches PostgreSQL: engines, identity for row-level security, migrations."""
