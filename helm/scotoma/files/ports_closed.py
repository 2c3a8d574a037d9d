"""Proves from a stranger's pod that Ray is out of reach: ``SECONDS RAY_HOST PORT… -- [API_HOST API_PORT]``.

Fails when a Ray port answers, and also when nothing was proven: Ray's name unknown, or the API, which this pod may
reach, out of reach as well.
"""

import socket
import sys


def answers(host: str, port: int, seconds: float) -> bool:
    """Whether a connection can be opened."""
    try:
        socket.create_connection((host, port), timeout=seconds).close()
    except OSError:
        return False
    return True


def verdict(seconds: float, host: str, ports: list[int], control: list[str]) -> str:
    """What is wrong; empty when every port is closed."""
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return f"nothing proven: {host} is unknown, the Ray head does not run"
    if control and not answers(control[0], int(control[1]), max(seconds, 10.0)):
        return f"nothing proven: the API at {control[0]}:{control[1]} is out of reach as well"
    reached = [port for port in ports if answers(host, port, seconds)]
    return f"a stranger reaches Ray's ports {reached}: does the CNI enforce NetworkPolicies?" if reached else ""


def main(arguments: list[str]) -> str:
    """Read the command line and look."""
    cut = arguments.index("--")
    seconds, host, *ports = arguments[:cut]
    return verdict(float(seconds), host, [int(port) for port in ports], arguments[cut + 1 :])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
