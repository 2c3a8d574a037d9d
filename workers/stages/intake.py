"""Intake stages: the uploaded file goes through the sandbox; only its canonical form goes on."""

from __future__ import annotations

from schemas.classifiers import InputSpec
from schemas.datasets import AttributeSpec
from schemas.problems import ErrorCode
from workers.errors import IntakeError
from workers.intake import intake_autoencoder, intake_classifier, intake_dataset
from workers.stages.stage import Produced, StageContext


def run_classifier(context: StageContext) -> Produced:
    """Canonical model and its facts.

    Raises:
        IntakeError: the file is refused.
    """
    context.report(0.1, "parsing and running the model in a sandbox")
    facts, canonical = intake_classifier(context.blob("upload"), InputSpec.model_validate(context.config["input"]))
    names: list[str] | None = context.config["classes"]
    if names is not None and len(names) != facts.classes:
        raise IntakeError(
            ErrorCode.MODEL_OUTPUT_UNSUPPORTED,
            f"{len(names)} class names were given for {facts.classes} outputs",
            "Give one name per output, in the order of the outputs, or none.",
        )
    return Produced({"model": canonical}, {"facts": facts.model_dump(mode="json")})


def run_dataset(context: StageContext) -> Produced:
    """Canonical dataset and its facts.

    Raises:
        IntakeError: the file is refused.
    """
    context.report(0.1, "reading the images in a sandbox")
    declared = {name: AttributeSpec.model_validate(spec) for name, spec in context.config["attributes"].items()}
    facts, canonical = intake_dataset(context.blob("upload"), context.config["filename"], declared)
    return Produced({"dataset": canonical}, {"facts": facts.model_dump(mode="json")})


def run_autoencoder(context: StageContext) -> Produced:
    """Canonical encoder and decoder, and what holds of both.

    Raises:
        IntakeError: a file is refused, or the two do not fit each other.
    """
    context.report(0.1, "parsing and running both files in a sandbox")
    low, high = context.config["value_range"]
    facts, encoder, decoder = intake_autoencoder(context.blob("encoder"), context.blob("decoder"), (low, high))
    return Produced({"encoder": encoder, "decoder": decoder}, {"facts": facts.model_dump(mode="json")})
