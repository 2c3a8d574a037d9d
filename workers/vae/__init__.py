"""Supervised VAE in audit mode: the part of a code that decides the classifier's answer, and the part that does not."""

from workers.vae.bottleneck import task_dimensions
from workers.vae.checkpoint import load, save
from workers.vae.config import VaeConfig
from workers.vae.fit import FittedVae, fit_vae
from workers.vae.leakage import Leakage, probe_leakage
from workers.vae.model import SupervisedVae
from workers.vae.nuisance import NuisancePosterior, resample_nuisance
from workers.vae.style import ClassResiduals, class_residuals
from workers.vae.traversal import (
    Block,
    Latent,
    Traversal,
    latent_draws,
    latent_means,
    quantile_steps,
    swap_task,
    traverse,
)

__all__ = [
    "Block", "ClassResiduals", "FittedVae", "Latent", "Leakage", "NuisancePosterior", "SupervisedVae", "Traversal",
    "VaeConfig", "class_residuals", "fit_vae", "latent_draws", "latent_means", "load", "probe_leakage",
    "quantile_steps", "resample_nuisance", "save", "swap_task", "task_dimensions", "traverse",
]  # fmt: skip
