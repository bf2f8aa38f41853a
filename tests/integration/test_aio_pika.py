"""aio-pika: robust connections, confirms, iterators, RPC, and coming back after the broker went
away."""

import asyncio

import aio_pika
import pytest
from aio_pika.patterns import RPC, Master

TIMEOUT_S = 20


def run(coroutine):
    """Runs a test's coroutine with a bound on the whole of it."""
    return asyncio.run(asyncio.wait_for(coroutine, 45))


async def connect(broker, **options):
    return await aio_pika.connect_robust(
        broker.url, timeout=TIMEOUT_S, reconnect_interval=0.1, **options
    )


async def next_message(iterator):
    return await asyncio.wait_for(anext(iterator), TIMEOUT_S)


def test_publish_with_confirms_and_iterate(broker, queue):
    async def scenario():
        async with await connect(broker) as connection:
            channel = await connection.channel(publisher_confirms=True)
            await channel.set_qos(prefetch_count=10)
            for number in range(100):
                confirmation = await channel.default_exchange.publish(
                    aio_pika.Message(
                        str(number).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT
                    ),
                    routing_key=queue,
                )
                assert confirmation.name == "Basic.Ack"
            bodies = []
            source = await channel.get_queue(queue)
            async with source.iterator() as messages:
                async for message in messages:
                    async with message.process():
                        bodies.append(int(message.body))
                    if len(bodies) == 100:
                        break
            assert bodies == list(range(100))

    run(scenario())


def test_many_confirms_at_once(broker, queue):
    async def scenario():
        async with await connect(broker) as connection:
            channel = await connection.channel()
            exchange = channel.default_exchange
            await asyncio.gather(
                *(
                    exchange.publish(aio_pika.Message(b"%d" % number, delivery_mode=2), queue)
                    for number in range(2000)
                )
            )
            source = await channel.declare_queue(queue, passive=True)
            assert source.declaration_result.message_count == 2000

    run(scenario())


def test_unroutable_message_is_an_error(broker, unique):
    async def scenario():
        async with await connect(broker) as connection:
            channel = await connection.channel(on_return_raises=True)
            with pytest.raises(aio_pika.exceptions.PublishError):
                await channel.default_exchange.publish(aio_pika.Message(b""), unique())

    run(scenario())


def test_get_reject_and_dead_letter(broker, unique):
    async def scenario():
        async with await connect(broker) as connection:
            channel = await connection.channel()
            dead = await channel.declare_queue(unique("dead"), exclusive=True)
            source = await channel.declare_queue(
                unique(),
                exclusive=True,
                arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead.name},
            )
            await channel.default_exchange.publish(aio_pika.Message(b"bad"), source.name)
            message = await source.get(timeout=TIMEOUT_S)
            await message.reject(requeue=True)
            message = await source.get(timeout=TIMEOUT_S)
            assert message.redelivered
            await message.reject(requeue=False)
            async with dead.iterator() as messages:
                letter = await next_message(messages)
                await letter.ack()
            assert letter.body == b"bad"
            (death,) = letter.headers["x-death"]
            assert (death["reason"], death["queue"], death["count"]) == ("rejected", source.name, 1)

    run(scenario())


def test_rpc_pattern(broker, unique):
    name = unique("multiply")

    async def multiply(*, x, y):
        return x * y

    async def fail(**_):
        raise ValueError("as asked for")

    async def scenario():
        async with await connect(broker) as servers, await connect(broker) as clients:
            server = await RPC.create(await servers.channel())
            await server.register(name, multiply, auto_delete=True)
            await server.register(name + ".fail", fail, auto_delete=True)
            client = await RPC.create(await clients.channel())
            answers = await asyncio.gather(
                *(client.call(name, kwargs={"x": x, "y": 7}, expiration=30) for x in range(100))
            )
            assert answers == [x * 7 for x in range(100)]
            with pytest.raises(ValueError):
                await client.call(name + ".fail", kwargs={})

    run(scenario())


def test_master_and_worker_pattern(broker, unique):
    name = unique("tasks")

    async def scenario():
        done = asyncio.Queue()

        async def work(*, task):
            await done.put(task)

        async with await connect(broker) as connection:
            master = Master(await connection.channel())
            worker = await master.create_worker(name, work, auto_delete=True)
            for task in range(20):
                await master.create_task(name, kwargs={"task": task})
            tasks = [await asyncio.wait_for(done.get(), TIMEOUT_S) for _ in range(20)]
            assert sorted(tasks) == list(range(20))
            await worker.close()

    run(scenario())


async def restored_after(connection, source, channel, cut):
    """Consumes `source`, has the connection cut, and checks that consuming and publishing go on by
    themselves."""
    reconnected = asyncio.Event()
    connection.reconnect_callbacks.add(lambda *_: reconnected.set())
    received = asyncio.Queue()
    await source.consume(received.put)
    await channel.default_exchange.publish(aio_pika.Message(b"before"), source.name)
    message = await asyncio.wait_for(received.get(), TIMEOUT_S)
    assert message.body == b"before"
    await message.ack()

    await cut()
    await asyncio.wait_for(reconnected.wait(), TIMEOUT_S)
    await channel.default_exchange.publish(aio_pika.Message(b"after"), source.name)
    message = await asyncio.wait_for(received.get(), TIMEOUT_S)
    if message.redelivered and message.body == b"before":
        # The ack may have been lost with the connection.
        await message.ack()
        message = await asyncio.wait_for(received.get(), TIMEOUT_S)
    assert message.body == b"after"
    await message.ack()


def test_reconnects_when_management_closes_the_connection(broker, management, unique):
    name = unique("connection")

    async def scenario():
        connection = await connect(broker, client_properties={"connection_name": name})
        async with connection:
            channel = await connection.channel()
            # Exclusive: it ends with the connection, and aio-pika declares it anew.
            source = await channel.declare_queue(unique(), exclusive=True)

            async def cut():
                listed = await asyncio.to_thread(management.connection_named, name)
                await asyncio.to_thread(management.delete, "connections", listed["name"])

            await restored_after(connection, source, channel, cut)

    run(scenario())


@pytest.mark.parametrize("stop", ["kill", "terminate"])
@pytest.mark.timeout(90)
def test_reconnects_to_a_restarted_broker(private_broker, stop):
    broker = private_broker()

    async def scenario():
        connection = await connect(broker)
        async with connection:
            channel = await connection.channel()
            source = await channel.declare_queue("durable", durable=True)

            async def cut():
                await asyncio.to_thread(getattr(broker, stop))
                await asyncio.to_thread(broker.start)

            await restored_after(connection, source, channel, cut)

    run(scenario())
