"""The membership platform of a trade-union local."""
