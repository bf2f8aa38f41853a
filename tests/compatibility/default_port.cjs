// A client whose address names no port connects to AMQP's own, 5672. Some of the clients' tests do so although
// they were told another address: here the default port is that of the broker under test.
"use strict";

const net = require("net");

const connect = net.connect;
const port = Number(process.env.LEPUS_DEFAULT_PORT);

net.connect = (options, ...rest) => connect(options.port === 5672 ? { ...options, port } : options, ...rest);
