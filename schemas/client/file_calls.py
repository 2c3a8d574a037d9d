"""Calls about files: push them, wait until they are read, list them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..autoencoders import Autoencoder, AutoencoderCreate, AutoencoderPage
from ..classifiers import Classifier, ClassifierCreate, ClassifierPage, InputSpec, IntakeState
from ..datasets import AttributeSpec, Dataset, DatasetCreate, DatasetPage
from ..scalars import Sha256
from ..uploads import Upload
from .errors import IntakeRefused, TimedOut
from .exchange import Exchange
from .files import DIRECT_LIMIT, OnProgress, sha256_of, upload_file

Item = TypeVar("Item", Classifier, Dataset, Autoencoder)

POLL_EVERY = 0.5
LONGEST_NAME = 200


class FileCalls(Exchange):
    """Classifiers, datasets and autoencoders."""

    def push_classifier(
        self,
        path: Path | str,
        *,
        name: str | None = None,
        input: InputSpec | None = None,
        classes: list[str] | None = None,
        reuse: bool = True,
        on_progress: OnProgress | None = None,
    ) -> Classifier:
        """Upload an ONNX file. With ``reuse``, the same bytes with the same specification are not sent again.

        A ``name`` is part of that: schedules and registries look for the newest classifier of a name, so the same bytes
        under another one are another classifier.

        Returns:
            The classifier, usually still ``pending``: see :meth:`wait_for_intake`.

        Raises:
            OSError: the file cannot be read.
            ServiceError: the service refused the request.
        """
        path, spec = Path(path), input or InputSpec()
        digest = sha256_of(path)
        same: dict[str, Any] = {"input": spec, "classes": classes} | ({} if name is None else {"name": name})
        if reuse and (known := _usable(self.classifiers(digest=digest), **same)) is not None:
            return known
        upload = self._upload(path, digest, on_progress)
        body = ClassifierCreate(name=name or path.name, upload=upload.id, input=spec, classes=classes)
        return self._create("/v1/classifiers", body, Classifier)

    def push_dataset(
        self,
        path: Path | str,
        *,
        name: str | None = None,
        attributes: Mapping[str, AttributeSpec] | None = None,
        reuse: bool = True,
        on_progress: OnProgress | None = None,
    ) -> Dataset:
        """Upload images (``.npz``, ``.zip`` or ``.tar``) or graphs (``.npz``), as :meth:`push_classifier` does.

        Raises:
            OSError: the file cannot be read.
            ServiceError: the service refused the request.
        """
        path, declared = Path(path), dict(attributes or {})
        digest = sha256_of(path)
        if reuse and (known := _usable(self.datasets(digest=digest), attributes=declared)) is not None:
            return known
        upload = self._upload(path, digest, on_progress)
        body = DatasetCreate(name=name or path.name, upload=upload.id, attributes=declared)
        return self._create("/v1/datasets", body, Dataset)

    def push_autoencoder(
        self,
        encoder: Path | str,
        decoder: Path | str,
        *,
        name: str | None = None,
        value_range: tuple[float, float] = (0.0, 1.0),
        reuse: bool = True,
        on_progress: OnProgress | None = None,
    ) -> Autoencoder:
        """Upload your own encoder and decoder (two ONNX files), as :meth:`push_classifier` does for models.

        The encoder turns images ``[batch, channels, height, width]`` with black and white at ``value_range`` into codes
        ``[batch, codes]``, the decoder turns codes into such images. An audit that uses them holds them to the same
        gates as an autoencoder of its own: does the classifier answer reconstructions as it answers the images?

        Raises:
            OSError: a file cannot be read.
            ServiceError: the service refused the request.
        """
        paths = Path(encoder), Path(decoder)
        first, second = (sha256_of(path) for path in paths)
        known = _usable(self.autoencoders(encoder_digest=first, decoder_digest=second), value_range=value_range)
        if reuse and known is not None:
            return known
        uploads = [self._upload(*each, on_progress).id for each in zip(paths, (first, second), strict=True)]
        body = AutoencoderCreate(
            name=name or f"{paths[0].name} + {paths[1].name}"[:LONGEST_NAME].strip(),
            encoder=uploads[0],
            decoder=uploads[1],
            value_range=value_range,
        )
        return self._create("/v1/autoencoders", body, Autoencoder)

    def wait_for_intake(self, item: Item, *, timeout: float | None = None) -> Item:
        """Wait until the service has read the file.

        Raises:
            IntakeRefused: the file cannot be audited.
            TimedOut: ``timeout`` seconds have passed.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while item.state is IntakeState.PENDING:
            if deadline is not None and time.monotonic() > deadline:
                raise TimedOut(f"{item.name} is still being read by the service.")
            self._sleep(POLL_EVERY)
            item = self._again(item)
        if item.state is IntakeState.REJECTED:
            raise IntakeRefused(item.name, item.problem)
        return item

    def classifier(self, classifier: str) -> Classifier:
        """One classifier."""
        return self._get(f"/v1/classifiers/{classifier}", Classifier)

    def dataset(self, dataset: str) -> Dataset:
        """One dataset."""
        return self._get(f"/v1/datasets/{dataset}", Dataset)

    def autoencoder(self, autoencoder: str) -> Autoencoder:
        """One autoencoder."""
        return self._get(f"/v1/autoencoders/{autoencoder}", Autoencoder)

    def classifiers(self, *, digest: Sha256 | None = None) -> Iterator[Classifier]:
        """Every classifier, newest first; with ``digest``, those with these bytes."""
        return self._pages("/v1/classifiers", ClassifierPage, digest=digest)

    def datasets(self, *, digest: Sha256 | None = None) -> Iterator[Dataset]:
        """Every dataset, newest first; with ``digest``, those with these bytes."""
        return self._pages("/v1/datasets", DatasetPage, digest=digest)

    def autoencoders(
        self, *, encoder_digest: Sha256 | None = None, decoder_digest: Sha256 | None = None
    ) -> Iterator[Autoencoder]:
        """Every autoencoder, newest first; with digests, those whose files have these bytes."""
        digests = {"encoder_digest": encoder_digest, "decoder_digest": decoder_digest}
        return self._pages("/v1/autoencoders", AutoencoderPage, **digests)

    def _upload(self, path: Path, digest: Sha256, on_progress: OnProgress | None) -> Upload:
        return upload_file(self._transport, path, digest=digest, on_progress=on_progress, direct_limit=DIRECT_LIMIT)

    def _again(self, item: Item) -> Item:
        if isinstance(item, Classifier):
            return self.classifier(item.id)
        return self.dataset(item.id) if isinstance(item, Dataset) else self.autoencoder(item.id)


def _usable(items: Iterator[Item], **equal: Any) -> Item | None:
    """The newest of ``items`` that was not refused and has these fields."""
    for item in items:
        if item.state is not IntakeState.REJECTED and all(getattr(item, key) == value for key, value in equal.items()):
            return item
    return None
