"""Readers of attributes: trained on real labelled images, so that no verdict rests on the classifier's own word."""

from workers.oracles.checkpoint import load, save
from workers.oracles.config import OracleConfig
from workers.oracles.fit import FittedOracles, fit_oracles
from workers.oracles.model import Oracles
from workers.oracles.quality import share_explained
from workers.oracles.target import OracleTarget

__all__ = ["FittedOracles", "OracleConfig", "OracleTarget", "Oracles", "fit_oracles", "load", "save", "share_explained"]
