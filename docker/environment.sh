# Where the image looks for its configuration; sourced by the entry point and the tools.
# shellcheck shell=sh
#
# RabbitMQ's places, as far as nothing else was chosen. A /etc/lepus/lepus.conf takes their place, and so does
# LEPUS_CONFIG. The plugins of /etc/rabbitmq/enabled_plugins are either built in or not there: nothing reads it.

etc=${LEPUS_IMAGE_ROOT:-}/etc
if [ -z "${LEPUS_CONFIG:-}" ] && [ ! -e "$etc/lepus/lepus.conf" ]; then
  if [ -z "${RABBITMQ_CONFIG_FILE:-}" ] && [ -e "$etc/rabbitmq/rabbitmq.conf" ]; then
    RABBITMQ_CONFIG_FILE=$etc/rabbitmq/rabbitmq.conf
    export RABBITMQ_CONFIG_FILE
  fi
  if [ -z "${RABBITMQ_CONFIG_FILES:-}" ] && [ -d "$etc/rabbitmq/conf.d" ]; then
    RABBITMQ_CONFIG_FILES=$etc/rabbitmq/conf.d
    export RABBITMQ_CONFIG_FILES
  fi
fi
