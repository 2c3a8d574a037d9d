"""Functions that are the same on a whole orbit of a group (papers.md 3(a)), one idea per file."""

from .fitting import fit, load, stored
from .projection import Projection

__all__ = ["Projection", "fit", "load", "stored"]
