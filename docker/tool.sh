#!/bin/sh
# lepus, rabbitmqctl, rabbitmq-diagnostics, rabbitmq-server: the program under that name, with the image's
# configuration.
set -eu
. /opt/lepus/lib/environment.sh
name=$(basename "$0")
[ "$name" != rabbitmq-server ] || exec docker-entrypoint.sh rabbitmq-server "$@"
exec "/opt/lepus/bin/$name" "$@"
