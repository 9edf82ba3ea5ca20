"""The same people as in bench.load through the ingress of the embedded cluster: what a whole cluster adds.

`make load TARGET=ingress`, after `make up`. Nothing is judged: how many pods answer is what the resource asks for.
"""

from bench.ingress.measurement import measure

__all__ = ["measure"]
