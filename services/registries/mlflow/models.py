"""Where the ONNX file of a model version lies (``mlflow.onnx`` leaves ``MLmodel`` and, beside it, ``model.onnx``)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from services.errors import ModelUnusable, RegistryUnreachable, UploadTooLarge

from .answers import FoundVersion, Item, Place, told
from .server import MlflowServer

SCHEME = "mlflow-artifacts"
READY = "READY"

SERVE = "Run MLflow with --serve-artifacts, and register models from its own artifact store."
LOG = "Log it with mlflow.onnx.log_model(…, save_as_external_data=False)."
"""``mlflow.onnx`` puts weights into a second file unless it is told not to."""


@dataclass(frozen=True)
class ModelFile:
    """The ONNX file of a version: ``path`` in the artifact proxy, ``bytes`` as the registry says, its run if any."""

    path: str
    name: str
    bytes: int
    run_id: str | None


def model_file(server: MlflowServer, model: str, version: str, most: int) -> ModelFile:
    """The only ONNX file of a model version.

    Args:
        server: where it is.
        model: registered name.
        version: number of the version.
        most: bytes that are taken.

    Raises:
        RegistryUnreachable: no answer, or the version is still being made.
        RegistryRefused: no such version, or the token may not read it.
        ModelUnusable: it is not one ONNX file that can be fetched.
        UploadTooLarge: it is longer than ``most``.
    """
    found = told(FoundVersion, server.get("/model-versions/get", name=model, version=version)).model_version
    _check_ready(found.status, model, version)
    place = told(Place, server.get("/model-versions/get-download-uri", name=model, version=version))
    folder = proxied_path(place.artifact_uri, server.url)
    item = _only_onnx(server.files(folder))
    size = item.file_size or 0
    if size > most:
        raise UploadTooLarge(f"{item.path} has {size} bytes, more than {most}.", "Register a smaller model.")
    return ModelFile(f"{folder}/{item.path}", item.path, size, found.run_id or None)


def proxied_path(uri: str, url: str) -> str:
    """The path below the artifact proxy of the server at ``url`` that ``uri`` means.

    Raises:
        ModelUnusable: the server does not serve it itself.
    """
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise ModelUnusable(f"The files lie at {uri[:300]!r}, which is no address.", SERVE) from error
    path = unquote(parts.path).strip("/")
    if parts.scheme != SCHEME or parts.netloc not in ("", urlsplit(url).netloc) or ".." in path.split("/"):
        raise ModelUnusable(f"The files lie at {uri[:300]!r}, which the registry does not serve itself.", SERVE)
    return path


def _check_ready(status: str, model: str, version: str) -> None:
    if status == "PENDING_REGISTRATION":
        raise RegistryUnreachable(f"Version {version} of {model} is still being registered.", "It is tried again.")
    if status != READY:
        raise ModelUnusable(f"Version {version} of {model} is {status} in the registry.", "Register it again.")


def _only_onnx(items: list[Item]) -> Item:
    """The only ``.onnx`` file of a folder whose weights are in it."""
    files = [item for item in items if not item.is_dir]
    found = [item for item in files if item.path.lower().endswith(".onnx")]
    if len(found) != 1:
        held = ", ".join(sorted(item.path for item in files)[:10]) or "nothing"
        raise ModelUnusable(f"The version holds {len(found)} ONNX files, not one ({held}).", LOG)
    if beside := [item.path for item in files if item.path.endswith(".data")]:
        raise ModelUnusable(f"The weights lie in a second file, {beside[0]}.", LOG)
    return found[0]
