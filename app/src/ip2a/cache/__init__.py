"""Redis: cached answers, token epochs and rate limits. All of it may vanish at any time without harm."""
