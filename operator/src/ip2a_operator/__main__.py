"""`python -m ip2a_operator` runs the operator."""

import sys

from ip2a_operator.main import main

sys.exit(main())
