"""`python -m ip2a` is `ip2a-app`."""

from ip2a.cli import main

main(prog_name="ip2a-app")
