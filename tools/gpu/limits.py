"""A limit of time for a block of code."""

import contextlib
import signal


class OutOfTime(BaseException):
    """The limit has passed. No ``Exception``, so that a compiler or exporter that catches those cannot swallow it."""


@contextlib.contextmanager
def limit(seconds):
    """Raises ``OutOfTime`` in the block once the seconds have passed; in the main thread, one block at a time."""

    def stop(*_):
        raise OutOfTime(f"stopped after {seconds:.0f} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
