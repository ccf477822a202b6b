"""`python -m resnet_edu` is the `resnet-edu` command."""

import sys

from resnet_edu.cli import main

sys.exit(main())
