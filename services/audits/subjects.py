"""What an audit names must be there, be ready, and fit together; said before anything runs."""

from __future__ import annotations

from sqlalchemy.orm import Session

from schemas.audits import AuditConfig, AuditCreate
from schemas.autoencoders import Autoencoder
from schemas.classifiers import Classifier, IntakeState
from schemas.datasets import Dataset
from services.autoencoders.service import AUTOENCODERS
from services.classifiers.service import CLASSIFIERS
from services.datasets.service import DATASETS
from services.errors import Conflict, IntakeRejected, InvalidRequest, NotFound
from services.files.resource import Item, Resource, Row

from .graphs import check_graph_options, check_kind
from .symmetries import check_symmetries


def checked_subjects(session: Session, body: AuditCreate) -> tuple[Classifier, Dataset]:
    """The classifier and the dataset of an audit whose every part can be audited.

    Raises:
        InvalidRequest: something that it names does not exist, or does not fit the rest.
        IntakeRejected: intake refused one of them.
        SubjectsMismatch: a classifier cannot take what the dataset holds.
        Conflict: intake still reads one of them.
    """
    classifier, dataset = _ready(session, CLASSIFIERS, body.classifier), _ready(session, DATASETS, body.dataset)
    config = body.config
    check_kind(classifier, dataset)
    check_graph_options(dataset, config)
    check_symmetries(dataset, config)
    _check_against(session, classifier, dataset, config)
    if config.outside is not None:
        _check_outside(dataset, _ready(session, DATASETS, config.outside))
    if config.autoencoder is not None:
        _check_autoencoder(dataset, _ready(session, AUTOENCODERS, config.autoencoder))
    return classifier, dataset


def _ready(session: Session, resource: Resource[Row, Item], identifier: str) -> Item:
    try:
        item = resource.get(session, identifier)
    except NotFound as error:
        raise InvalidRequest(error.detail, "Push the file first.") from error
    if isinstance(item, Classifier | Dataset | Autoencoder):
        _check_intake(item)
    return item


def _check_intake(item: Classifier | Dataset | Autoencoder) -> None:
    if item.state is IntakeState.REJECTED:
        found = item.problem.detail if item.problem else "It cannot be audited."
        raise IntakeRejected(f"{item.id} was refused: {found}", item.problem.advice if item.problem else "")
    if item.state is IntakeState.PENDING:
        raise Conflict(f"{item.id} is still being read.", "Wait until its state is 'ready'.")


def _check_against(session: Session, classifier: Classifier, dataset: Dataset, config: AuditConfig) -> None:
    if classifier.id in config.against or len(set(config.against)) < len(config.against):
        advice = "Name each other classifier once, and not the audited one."
        raise InvalidRequest("A classifier would be compared with itself.", advice)
    for other in config.against:
        check_kind(_ready(session, CLASSIFIERS, other), dataset)


def _check_outside(dataset: Dataset, outside: Dataset) -> None:
    if outside.id == dataset.id:
        raise InvalidRequest(f"{outside.id} holds the references themselves.", "Name a dataset of other images.")
    if outside.facts and outside.facts.kind == "graphs":
        raise InvalidRequest(f"{outside.id} holds graphs, the references are images.", "Name a dataset of images.")
    if dataset.facts and outside.facts and dataset.facts.channels != outside.facts.channels:
        detail = f"{outside.id} has {outside.facts.channels} channels, the references have {dataset.facts.channels}."
        raise InvalidRequest(detail, "Bring images with as many channels as the references.")


def _check_autoencoder(dataset: Dataset, autoencoder: Autoencoder) -> None:
    if dataset.facts is None or autoencoder.facts is None:
        return
    wanted, found = ((facts.height, facts.width, facts.channels) for facts in (dataset.facts, autoencoder.facts))
    if wanted != found:
        detail = f"{autoencoder.id} draws images of {found}, the references have {wanted} (height, width, channels)."
        raise InvalidRequest(detail, "Bring an autoencoder for images of the references' size.")
