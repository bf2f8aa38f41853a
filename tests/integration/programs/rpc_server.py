"""Tutorial six's server: Fibonacci numbers from `rpc_queue`. Usage: rpc_server.py AMQP-URL [hold]

It says `ready`, `working N redelivered=B`, `answered N`. With `hold` it never answers.
"""

import sys
import time

import pika

url = sys.argv[1]
hold = sys.argv[2:] == ["hold"]
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.queue_declare(queue="rpc_queue")


def fib(n):
    if n == 0:
        return 0
    elif n == 1:
        return 1
    else:
        return fib(n - 1) + fib(n - 2)


def on_request(ch, method, props, body):
    n = int(body)
    print(f"working {n} redelivered={method.redelivered}", flush=True)
    while hold:
        time.sleep(60)
    response = fib(n)
    ch.basic_publish(
        exchange="",
        routing_key=props.reply_to,
        properties=pika.BasicProperties(correlation_id=props.correlation_id),
        body=str(response),
    )
    ch.basic_ack(delivery_tag=method.delivery_tag)
    print(f"answered {n}", flush=True)


channel.basic_qos(prefetch_count=1)
channel.basic_consume(queue="rpc_queue", on_message_callback=on_request)
print("ready", flush=True)
channel.start_consuming()
