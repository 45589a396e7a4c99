"""`python -m runner` is `eql-runner`."""

import sys

from runner.cli import main

sys.exit(main())
