"""kopf, and nothing but kopf: watches mark resources dirty, one daemon each reconciles, a deletion tears
down."""
