"""A province whose broker is a RabbitMQ with the queue of entries, and whose collectors read it by AMQP."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from province_world import Collecting, founded, free_port
from rabbit_world import Rabbit

from province.base.amqp_names import ENTRIES_QUEUE
from province.base.layout import Layout

DEVICES = tuple(f"bus-co/scanner-{number}" for number in range(1, 10))


class AmqpWorld:
    """Province and broker; started by whoever makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.layout: Layout = founded(folder / "province", free_port())
        self.amqp_port = free_port()
        self.rabbit = Rabbit(self.layout, folder, DEVICES, self.amqp_port)

    def collecting(self, number: int = 1, *others: int) -> Collecting:
        """A collector; `others` are ports of further nodes, tried before the one there is."""
        nodes = ",".join(f"127.0.0.1:{port}" for port in (*others, self.amqp_port))
        words = (
            "collect", self.layout.root, "--amqp", f"amqps://{nodes}", "--broker", f"127.0.0.1:{self.rabbit.port}", "--number", number,
            "--events", "--verbose",
        )  # fmt: skip
        return Collecting(self.layout, (sys.executable, "-m", "province", *map(str, words)))

    def waiting(self) -> int:
        """How many entries the queue has, those among them that a collector has in hand."""
        said = self.rabbit.controlled("list_queues", "--quiet", "--no-table-headers", "name", "messages")
        return next(int(line.split()[1]) for line in said.splitlines() if line.split()[0] == ENTRIES_QUEUE)

    def tries(self, role: str, deed: Callable[[BlockingChannel], object]) -> int:
        """What RabbitMQ answers somebody who tries something by AMQP: 0, or the code with which it ends channel or connection."""
        parameters = pika.ConnectionParameters(
            "127.0.0.1", self.amqp_port, credentials=pika.credentials.ExternalCredentials(),
            ssl_options=pika.SSLOptions(self.rabbit.context(role), "127.0.0.1"),
        )  # fmt: skip
        connection = pika.BlockingConnection(parameters)
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            deed(channel)
        except AMQPError as error:
            return int(getattr(error, "reply_code", -1))
        else:
            return 0
        finally:
            with suppress(AMQPError):
                connection.close()
