"""Supervised VAE in audit mode: the part of a code that decides the classifier's answer, and the part that does not."""

from workers.vae.checkpoint import load, save
from workers.vae.config import VaeConfig
from workers.vae.fit import FittedVae, fit_vae
from workers.vae.leakage import Leakage, probe_leakage
from workers.vae.model import SupervisedVae
from workers.vae.nuisance import NuisancePosterior, resample_nuisance

__all__ = [
    "FittedVae", "Leakage", "NuisancePosterior", "SupervisedVae", "VaeConfig", "fit_vae", "load", "probe_leakage",
    "resample_nuisance", "save",
]  # fmt: skip
