"""Sphinx's settings: `make docs` builds the site into build/docs; warnings are errors."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from flash._version import __version__  # noqa: E402

project = "flash"
author = "flash contributors"
copyright = author
release = version = __version__

extensions = [
    "generated",  # the reference of Python and of the command line: generated.py
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
]
exclude_patterns = ["**/.ipynb_checkpoints"]
default_role = "py:obj"

# Pages are Markdown; titles can be linked to down to the third level.
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"  # prompts and what a command prints

# Tutorials are run when the site is built, and again only if they changed.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE.parent / "build" / "docs-notebooks")
nb_execution_timeout = 240
nb_execution_raise_on_error = True
nb_merge_streams = True

# Notebooks see none of the reader's own start-up files, and kernels say nothing of how they talk.
profile = HERE.parent / "build" / "ipython" / "profile_default"
profile.mkdir(parents=True, exist_ok=True)
(profile / "ipython_kernel_config.json").write_text('{"IPKernelApp": {"log_level": 40}}\n')
os.environ["IPYTHONDIR"] = str(profile.parent)

# Signatures without types, which the text has with units and ranges.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

html_theme = "furo"
html_title = f"flash {release}"
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False

# Only `make links` goes to the network.
linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_ignore = [r"http://(127\.0\.0\.1|localhost)[:/].*"]
