"""Audits of graphs: the classifier must take the graphs of the dataset, and what speaks of pixels is left out."""

from __future__ import annotations

from schemas.audits import IMAGE_VIEWS, AuditConfig
from schemas.classifiers import Classifier, GraphInputs
from schemas.datasets import Dataset
from schemas.graphs import GraphFacts
from services.errors import InvalidRequest, SubjectsMismatch


def check_kind(classifier: Classifier, dataset: Dataset) -> None:
    """Images for a classifier of images, graphs of the right size for one of graphs.

    Raises:
        SubjectsMismatch: they do not fit each other.
    """
    if classifier.facts is None or dataset.facts is None:
        return
    takes, holds = classifier.facts.graph, dataset.facts.graph
    if (takes is None) != (holds is None):
        raise _other_kind(classifier, dataset)
    if takes is not None and holds is not None:
        _check_features(classifier.id, takes, dataset.id, holds)
        _check_size(classifier.id, takes, dataset.id, holds)


def check_graph_options(dataset: Dataset, config: AuditConfig) -> None:
    """Nothing that exists for images only is asked of graphs.

    Raises:
        InvalidRequest: an explicit wish that graphs cannot have.
    """
    if dataset.facts is None or dataset.facts.kind == "images":
        return
    if pixels := [view for view in config.views or [] if view in IMAGE_VIEWS]:
        named = " and ".join(repr(str(view)) for view in pixels)
        detail = f"{dataset.id} holds graphs, and audits of graphs have no view {named}."
        raise InvalidRequest(detail, "Leave these views out, or send no views to get all that fit.")
    if config.outside is not None:
        detail = f"{dataset.id} holds graphs; showing a dataset from elsewhere is for images only."
        raise InvalidRequest(detail, "Leave 'outside' out.")
    if config.autoencoder is not None:
        detail = f"{dataset.id} holds graphs, and an autoencoder of one's own draws images."
        raise InvalidRequest(detail, "Leave 'autoencoder' out: a graph autoencoder is fitted to the dataset.")


def _other_kind(classifier: Classifier, dataset: Dataset) -> SubjectsMismatch:
    takes = "graphs" if classifier.facts is not None and classifier.facts.graph is not None else "images"
    holds = "images" if takes == "graphs" else "graphs"
    detail = f"{classifier.id} takes {takes}, {dataset.id} holds {holds}."
    return SubjectsMismatch(detail, f"Bring a dataset of {takes}, or a classifier of {holds}.")


def _check_features(classifier: str, takes: GraphInputs, dataset: str, holds: GraphFacts) -> None:
    pairs = (
        ("node", takes.node_features, holds.node_features),
        ("edge", takes.edge_features, holds.edge_features),
    )
    for what, wanted, found in pairs:
        if wanted != found:
            detail = f"{classifier} takes {wanted} {what} feature(s), the graphs of {dataset} have {found}."
            raise SubjectsMismatch(detail, f"Bring graphs with the {what} features that the model was trained on.")


def _check_size(classifier: str, takes: GraphInputs, dataset: str, holds: GraphFacts) -> None:
    if takes.size is not None and takes.size < holds.nodes:
        detail = f"{classifier} takes graphs of {takes.size} nodes, those of {dataset} have places for {holds.nodes}."
        advice = "Cut off places that no graph fills, or export the model with a dynamic number of nodes."
        raise SubjectsMismatch(detail, advice)
