"""`python -m ip2a_operator.cli`."""

from ip2a_operator.cli import main

main()
