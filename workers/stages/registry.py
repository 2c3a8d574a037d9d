"""Which function runs which stage."""

from __future__ import annotations

from schemas.ports import BlobStore, ReportProgress
from schemas.problems import ErrorCode
from schemas.stages import StageOutcome, StageRequest
from workers.errors import StageError
from workers.stages import (
    autoencoder,
    comparison,
    concepts,
    discovered,
    editor,
    effects,
    evidence,
    inn,
    intake,
    invariant,
    latents,
    nuisance,
    oracles,
    prior,
    probes,
    result,
    samples,
    scores,
    symmetry,
    taps,
    untrained,
    vae,
)
from workers.stages.stage import StageFunction, run_stage
from workers.stages.views import (
    attack,
    attribution,
    companions,
    factors,
    geometry,
    mixing,
    outside,
    response,
    traversals,
)
from workers.training.loop import TrainingDiverged

STAGES: dict[str, StageFunction] = {
    "intake_classifier": intake.run_classifier,
    "intake_dataset": intake.run_dataset,
    "intake_autoencoder": intake.run_autoencoder,
    "taps": taps.run,
    "latents": latents.run,
    "autoencoder": autoencoder.run,
    "oracles": oracles.run,
    "editor": editor.run,
    "prior": prior.run,
    "concepts": concepts.run,
    "discovered": discovered.run,
    "symmetry": symmetry.run,
    "invariant": invariant.run,
    "inn": inn.run,
    "vae": vae.run,
    "samples": samples.run,
    "nuisance": nuisance.run,
    "effects": effects.run,
    "untrained": untrained.run,
    "scores": scores.run,
    "factors": factors.run,
    "response": response.run,
    "geometry": geometry.run,
    "mixing": mixing.run,
    "attack": attack.run,
    "traversals": traversals.run,
    "attribution": attribution.run,
    "outside": outside.run,
    "companions": companions.run,
    "evidence": evidence.run,
    "result": result.run,
    "probes": probes.run,
    "comparison": comparison.run,
}


def run_request(request: StageRequest, store: BlobStore, report: ReportProgress) -> StageOutcome:
    """Run the stage that ``request`` names (``stage`` or ``stage:tap``).

    Raises:
        WorkerError: the inputs are refused, or the stage cannot go on; never a library's own error where it is known.
        KeyError: there is no such stage.
    """
    function = STAGES[request.name.partition(":")[0]]
    try:
        return run_stage(function, request, store, report)
    except TrainingDiverged as diverged:
        raise StageError(
            ErrorCode.TRAINING_DIVERGED, f"stage {request.name}: {diverged}", "Audit again with another seed."
        ) from diverged
