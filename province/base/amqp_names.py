"""What RabbitMQ calls the queue of entries, and the exchange by which MQTT and AMQP meet."""

EXCHANGE = "amq.topic"  # the MQTT plug-in's default
ENTRIES_QUEUE = "gate-entries"
