"""Requests of a scenario, drawn once a seed: every policy meets exactly the same ones."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UsersAt = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Arrival times (s) with each request's own luck: class, cache draw, CPU and query work (mean 1)."""

    arrival: NDArray[np.float64]
    write: NDArray[np.int64]
    luck: NDArray[np.float64]
    cpu: NDArray[np.float64]
    query: NDArray[np.float64]


def lognormal(generator: np.random.Generator, variation: float, size: int) -> NDArray[np.float64]:
    """Log-normal factors of mean 1 and coefficient of variation `variation`."""
    sigma = np.sqrt(np.log(1.0 + variation**2))
    return generator.lognormal(-(sigma**2) / 2.0, sigma, size)


def draw(users: UsersAt, think: float, writes: float, length: float, seed: int) -> Traffic:
    """An inhomogeneous Poisson process of rate users(t)/think, constant within each second.

    Streams are separate, so that a change in one quantity leaves the draws of the others alone. An AR(1)
    log-normal factor (5 % a minute, correlation 0.5) makes it burstier than Poisson, as web traffic is.
    """
    streams = [np.random.default_rng([seed, index]) for index in range(6)]
    minutes = int(length // 60) + 2
    wobble, level = np.zeros(minutes), 0.0
    for minute, shock in enumerate(streams[5].normal(0.0, 0.05 * np.sqrt(0.75), minutes)):
        level = 0.5 * level + shock
        wobble[minute] = level
    seconds = np.arange(int(length))
    rate = np.array([users(float(second)) for second in seconds]) / think
    rate *= np.exp(np.interp(seconds / 60.0, np.arange(minutes), wobble))
    counts = streams[0].poisson(rate)
    arrival = np.sort(np.repeat(seconds, counts) + streams[0].random(int(counts.sum())))
    size = int(arrival.shape[0])
    return Traffic(
        arrival=arrival,
        write=np.less(streams[1].random(size), writes).astype(np.int64),
        luck=streams[2].random(size),
        cpu=lognormal(streams[3], 0.6, size),
        query=lognormal(streams[4], 0.8, size),
    )
