"""kopf, and nothing but kopf: resources are watched, one daemon each reconciles, a deletion tears down."""
