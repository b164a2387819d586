"""How the pages of the documentation are made: `make docs` writes them to build/docs."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]  # the packages, and the extensions beside this file

from per_core import __version__ as release  # noqa: E402  found on that path

project = "PERscope"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "mathml", "command_help"]
nitpicky = True
nitpick_ignore_regex = [("py:class", r".*")]  # types in signatures, of other projects and of what is not documented

html_theme = "furo"
html_title = f"PERscope {release}"
html_logo = html_favicon = "../icon.svg"
html_static_path = ["pages.css"]
html_css_files = ["pages.css"]
html_copy_source = html_show_search_summary = False  # a summary would be fetched, which files refuse
html_show_sphinx = html_show_copyright = False
html_math_renderer = "mathml"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

default_role = "py:obj"
add_module_names = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
python_trailing_comma_in_multi_line_signatures = False
autodoc_member_order = "bysource"
autodoc_type_aliases = {name: name for name in ("Array", "ArrayLike")}
autodoc_default_options = {"members": True, "exclude-members": "extra_repr"}
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_param = False
napoleon_use_rtype = False
