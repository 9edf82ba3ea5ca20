"""The platform as a queueing model, to try a scaling policy before trusting it.

`ip2a simulate` and bench/autoscaler use the same model. Needs numpy and numba (extra `bench`), which the
operator's image leaves out; nothing outside this package may import it except the command line and the bench.
Deterministic: a seed fixes the traffic, and every policy sees the same requests.
"""
