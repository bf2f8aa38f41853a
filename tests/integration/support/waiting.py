"""Waiting for what can only be asked for, not awaited: always bounded, always with a reason."""

import time


def wait_until(probe, what, timeout=20.0, interval=0.05):
    """Calls `probe` until its result is true, returns that result; fails with `what` after
    `timeout` s."""
    deadline = time.monotonic() + timeout
    while True:
        result = probe()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {timeout} s: {what} (last answer: {result!r})")
        time.sleep(interval)
