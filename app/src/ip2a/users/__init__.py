"""Administration of accounts: who has one, which roles they hold, whether they may log in."""
