"""Tutorial two's worker: takes one task at a time from a queue. Usage: worker.py AMQP-URL QUEUE

It says `ready`, `received BODY redelivered=B`, `done BODY`. A task whose body starts with `hold` is
worked on
until a line comes on standard input.
"""

import sys

import pika

url, queue = sys.argv[1:]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.queue_declare(queue=queue, durable=True)


def callback(ch, method, properties, body):
    text = body.decode()
    print(f"received {text} redelivered={method.redelivered}", flush=True)
    if text.startswith("hold"):
        sys.stdin.readline()
    print(f"done {text}", flush=True)
    ch.basic_ack(delivery_tag=method.delivery_tag)


channel.basic_qos(prefetch_count=1)
channel.basic_consume(queue=queue, on_message_callback=callback)
print("ready", flush=True)
channel.start_consuming()
