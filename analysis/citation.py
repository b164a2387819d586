"""How PERscope and the paper behind it are cited."""

from __future__ import annotations

from per_core import __version__

YEAR = "2026"  # of this version

SOFTWARE = f"""@software{{perscope,
  author  = {{{{The PERscope authors}}}},
  title   = {{{{PERscope}}: what normalisation and regularisation do to the activations of a neural network}},
  version = {{{__version__}}},
  year    = {{{YEAR}}},
}}"""

PAPER = """@inproceedings{joo2020regularizing,
  author        = {Joo, Taejong and Kang, Donggu and Kim, Byunghoon},
  title         = {Regularizing activations in neural networks via distribution matching with the {Wasserstein} metric},
  booktitle     = {International Conference on Learning Representations},
  year          = {2020},
  eprint        = {2002.05366},
  archiveprefix = {arXiv},
}"""

BIBTEX = f"{SOFTWARE}\n\n{PAPER}"
