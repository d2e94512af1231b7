"""A worker process: ``python -m pymosn.lifecycle.worker CONTROL SEGMENT INDEX``.

Executed afresh by the supervisor, with the control socket and the metrics segment as inherited
descriptors.  It ignores SIGINT and SIGTERM, which the supervisor answers.  What it does then is in
``data_plane``.
"""

import mmap
import os
import signal
import socket
import sys

from pymosn.lifecycle.lean import postpone_ssl


def main(arguments: list[str]) -> None:
    """Run the worker that the supervisor's command line describes."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    control, segment, index = (int(argument) for argument in arguments[:3])
    with open("/proc/self/comm", "w", encoding="ascii") as comm:  # noqa: PTH123  a string is all there is
        comm.write(f"pymosn:worker{index}"[:15])
    memory = mmap.mmap(segment, os.fstat(segment).st_size)
    os.close(segment)

    postpone_ssl()  # before anything imports asyncio
    from pymosn.lifecycle.data_plane import Worker
    from pymosn.observe.slots import Slots

    Worker(socket.socket(fileno=control), Slots(memoryview(memory)), index).run()
    # Nothing is left to tidy up, and taking a large heap apart takes time.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
