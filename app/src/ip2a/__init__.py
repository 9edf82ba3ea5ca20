"""The membership platform of a trade-union local."""

__version__ = "0.1.0"
