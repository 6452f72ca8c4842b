"""Free ports for the demo, near the ones that were asked for."""

import socket


def is_free(port: int) -> bool:
    """Whether nobody listens there, on any address: a server on all of them would take our requests."""
    for host in ("127.0.0.1", "0.0.0.0"):  # noqa: S104  # nosec B104  # only a look
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def free_ports(wanted: int, count: int) -> list[int]:
    """The first `count` free ports in a row from the wanted one on."""
    for start in range(wanted, 65_536 - count):
        ports = list(range(start, start + count))
        if all(map(is_free, ports)):
            return ports
    raise OSError(f"No {count} ports in a row are free from {wanted} on.")
