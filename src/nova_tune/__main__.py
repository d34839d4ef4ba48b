"""``python -m nova_tune`` is the command ``nova-tune``."""

from __future__ import annotations

import sys

from nova_tune.cli import main

sys.exit(main())
