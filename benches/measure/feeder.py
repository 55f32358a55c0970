"""
Sends a file over one TCP connection as fast as it is taken, in a process of its own and without a copy of its own.
usage: feeder.py PORT FILE IDLE; beside IDLE more connections that send a line before and a line after.
"""

import os
import resource
import socket
import sys

IDLE_LINE = b'{"level":"INFO","message":"mostly idle"}\n'
PIECE_BYTES = 1024 * 1024


def send_file(connection: socket.socket, path: str) -> None:
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        sent = 0
        while sent < size:
            sent += os.sendfile(connection.fileno(), file.fileno(), sent, min(PIECE_BYTES, size - sent))
    connection.shutdown(socket.SHUT_WR)
    # The peer closes when it has read everything.
    while connection.recv(4096):
        pass


def main() -> None:
    port, path, idle = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    quiet = [socket.create_connection(("127.0.0.1", port)) for _ in range(idle)]
    for connection in quiet:
        connection.sendall(IDLE_LINE)
    with socket.create_connection(("127.0.0.1", port)) as busy:
        send_file(busy, path)
    for connection in quiet:
        connection.sendall(IDLE_LINE)
        connection.close()


if __name__ == "__main__":
    main()
