"""`python -m devcluster` is the command line."""

from devcluster.cli import main

main()
