"""The Celery application of the tests: broker and names come by environment."""

import os
import time

from celery import Celery

queue = os.environ["TEST_CELERY_QUEUE"]
application = Celery("tests", broker=os.environ["TEST_CELERY_BROKER"], backend="rpc://")
application.conf.update(
    task_default_queue=queue,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    result_expires=60,
    result_persistent=False,
)


def say(text):
    """Tells the test what happened; the worker's own log goes to the same file."""
    os.write(1, f"{text}\n".encode())


@application.task
def add(x, y):
    return x + y


@application.task(bind=True, max_retries=5)
def fail_until(self, attempts):
    """Fails until it was tried `attempts` times; returns the number of tries."""
    say(f"try {self.request.retries}")
    if self.request.retries + 1 < attempts:
        raise self.retry(countdown=0.1)
    return self.request.retries + 1


@application.task
def fail():
    raise ValueError("as asked for")


@application.task(bind=True)
def hold_first(self, path):
    """Works for ever, unless `path` exists; returns whether the message was redelivered."""
    redelivered = self.request.delivery_info["redelivered"]
    say(f"working in {os.getpid()} redelivered={redelivered}")
    while not os.path.exists(path):
        time.sleep(0.02)
    return redelivered
