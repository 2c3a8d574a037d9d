"""What a registry may answer, of which only this is read: each text has a length, each path is a name in its folder."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from services.errors import RegistryRefused


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it holds characters that cannot be shown")
    return text


def _name(text: str) -> str:
    if "/" in text or "\\" in text or text in (".", ".."):
        raise ValueError("it is no name in its folder")
    return text


Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_printable)]
Id = Annotated[str, StringConstraints(max_length=500), AfterValidator(_printable)]
Name = Annotated[Id, StringConstraints(min_length=1), AfterValidator(_name)]


class Answer(BaseModel):
    """Base: what else is answered is not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Item(Answer):
    """A file or folder of the artifact proxy; ``path`` is its name."""

    path: Name
    is_dir: bool = False
    file_size: int | None = Field(default=None, ge=0, le=2**62)


class Listing(Answer):
    """``GET`` of a folder of the artifact proxy."""

    files: list[Item] = []


class Version(Answer):
    """A model version."""

    status: Id = "READY"
    run_id: Id | None = None


class FoundVersion(Answer):
    """``/model-versions/get``."""

    model_version: Version


class Place(Answer):
    """``/model-versions/get-download-uri``."""

    artifact_uri: Text = ""


class Param(Answer):
    """A parameter of a run."""

    key: Id


class RunData(Answer):
    """What a run holds."""

    params: list[Param] = []


class RunInfo(Answer):
    """What a run is."""

    run_id: Id
    artifact_uri: Text
    lifecycle_stage: Id = "active"


class Run(Answer):
    """A run."""

    info: RunInfo
    data: RunData = RunData()


class FoundRun(Answer):
    """``/runs/get`` and ``/runs/create``."""

    run: Run


class FoundRuns(Answer):
    """``/runs/search``."""

    runs: list[Run] = []


class Experiment(Answer):
    """An experiment; ``/experiments/create`` answers it bare."""

    experiment_id: Id


class FoundExperiment(Answer):
    """``/experiments/get-by-name``."""

    experiment: Experiment


class Alias(Answer):
    """A name for a version of a model."""

    alias: Id
    version: int = Field(ge=0)


class Model(Answer):
    """A registered model."""

    aliases: list[Alias] = []


class FoundModel(Answer):
    """``/registered-models/get``."""

    registered_model: Model


Kind = TypeVar("Kind", bound=Answer)


def told(kind: type[Kind], found: object) -> Kind:
    """Read an answer as what it should be.

    Raises:
        RegistryRefused: it is something else.
    """
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        where = ".".join(str(step) for step in error.errors()[0]["loc"])[:200]
        detail = f"The registry does not answer like MLflow: {where or 'the answer'} is not what it should be."
        raise RegistryRefused(detail, "Check the registry's URL.") from error
