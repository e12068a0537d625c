"""Guard: runs one server and ends it when whoever started it is gone, however it went.

``python -m streams.embedded.guard UID COMMAND…``; standard input is a pipe that the owner keeps open.
When the pipe closes, also by kill -9 of the owner, the server gets SIGINT (a fast, clean stop for PostgreSQL),
then SIGTERM, then SIGKILL.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

STOP_SIGNALS = ((signal.SIGINT, 5.0), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0))
SHARED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str]) -> int:
    """Run the server until it ends or its owner does; its exit code is ours."""
    uid, command = int(arguments[0]), arguments[1:]
    for number in SHARED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal group: the owner decides

    def become() -> None:
        for number in SHARED_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        if uid >= 0:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)

    # This process has one thread, so code between fork and exec is safe.
    server = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=become,  # noqa: PLW1509
        start_new_session=True,
    )
    is_ended = os.pidfd_open(server.pid)
    while server.poll() is None:
        ready, _, _ = select.select([sys.stdin, is_ended], [], [])
        if sys.stdin in ready:  # only ever end-of-file: the owner never writes
            _stop(server)
    return server.returncode


def _stop(server: subprocess.Popen[bytes]) -> None:
    for number, patience_s in STOP_SIGNALS:
        server.send_signal(number)
        try:
            server.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
