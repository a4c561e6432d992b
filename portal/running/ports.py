"""Listening sockets on loopback."""

import errno
import os
import socket

HOST = "127.0.0.1"


class PortTaken(Exception):
    """The text is a sentence for the person who chose the port."""


def listen(port: int) -> socket.socket:
    """A socket bound to `port`, or to any free one when 0. Raises PortTaken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere the option would let two programs share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortTaken(_sentence(port, error)) from error
    return listener


def _sentence(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken, perhaps by another `up`; stop that one or choose another port with --port."
    return f"Port {port} cannot be used: {error.strerror}."


def address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def free_near(port: int) -> int:
    """`port` when it is free, else 0: any."""
    try:
        listen(port).close()
    except PortTaken:
        return 0
    return port
