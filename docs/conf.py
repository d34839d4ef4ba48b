"""Sphinx settings: MyST pages, furo, and the reference from docstrings. Nothing is fetched."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "nova_tune"
author = "The nova_tune authors"
copyright = "2026, the nova_tune authors"
release = importlib.metadata.version("nova-tune")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "behaviours"]
html_theme = "furo"
html_title = f"nova_tune {release}"
exclude_patterns = ["_build"]
nitpicky = False
autodoc_typehints = "description"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": False, "exclude-members": "extra, SCHEMA"}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
