"""`ip2a`, also found by kubectl as a plugin: what people and Helm hooks ask about resources and of them.

Exit status: 0 done; 1 the cluster says no, or not in time; 2 the command line or a file is wrong.
"""

import sys

from ip2a_operator.cli.commands import ip2a

__all__ = ["main"]


def main() -> None:
    """Entry point of the scripts `ip2a` and `kubectl-ip2a`; leaves by SystemExit."""
    ip2a.main(args=sys.argv[1:], prog_name="ip2a")
