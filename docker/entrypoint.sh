#!/bin/sh
# The image's entry point: chooses the data folder, gives it to the broker's user, and becomes the broker.
#
#   docker run lepus [rabbitmq-server] [options of lepus]     docker run lepus some-other-command …
#
# Started as root it drops to the user rabbitmq (999); with --user it stays who it is. LEPUS_IMAGE_ROOT puts a
# folder before all paths: for tests.
set -eu

image=${LEPUS_IMAGE_ROOT:-}
program=$image/opt/lepus/bin/lepus
user=999

say() { printf 'lepus: %s\n' "$*" >&2; }

# The folder that a file or a flag names, if one does: nothing may outrank it.
configured_data_folder() {
  "$program" --print-config "$@" 2>/dev/null |
    sed -n -e '/# default$/d' -e "s/^data_dir = '\{0,1\}\([^']*\)'\{0,1\}  # .*$/\1/p"
}

# The volume with the data: the one that holds some already, else RabbitMQ's place if something is mounted there.
choose_data_folder() {
  ours=$image/var/lib/lepus/data
  theirs=$image/var/lib/rabbitmq/lepus
  if [ -d "$theirs" ]; then
    LEPUS_DATA_DIR=$theirs
  elif [ ! -d "$ours" ] && mountpoint -q "$image/var/lib/rabbitmq"; then
    LEPUS_DATA_DIR=$theirs
  else
    LEPUS_DATA_DIR=$ours
  fi
  if [ -d "$image/var/lib/rabbitmq/mnesia" ]; then
    say "what RabbitMQ left in $image/var/lib/rabbitmq/mnesia is not read; export its definitions and messages with RabbitMQ"
  fi
  volume=$(dirname "$LEPUS_DATA_DIR")
  # A folder of the host that was mounted may be closed to the broker's user.
  [ "$(id -u)" != 0 ] || find "$volume" -maxdepth 0 ! -user "$user" -exec chown "$user:$user" '{}' +
}

# Creates the data folder, and as root gives it, and what is in it, to the broker's user.
prepare_data_folder() {
  mkdir -p "$LEPUS_DATA_DIR" || { say "cannot create $LEPUS_DATA_DIR as user $(id -u): give it the volume"; exit 1; }
  if [ "$(id -u)" = 0 ]; then
    find "$LEPUS_DATA_DIR" ! -user "$user" -exec chown "$user:$user" '{}' +
  fi
}

warn_about_guest() {
  if "$program" --print-config "$@" 2>/dev/null | awk '
      $1 == "default_user" && $3 == "guest" { name = 1 }
      $1 == "default_pass" && $3 == "guest" { password = 1 }
      $1 == "loopback_users" && $3 == "none" { outside = 1 }
      END { exit !(name && password && outside) }'; then
    say "warning: user guest with password guest may log in from anywhere; set RABBITMQ_DEFAULT_USER and RABBITMQ_DEFAULT_PASS"
  fi
}

case ${1:-} in
  '' | -*) set -- rabbitmq-server "$@" ;;
esac
case $1 in
  rabbitmq-server | lepus) shift ;;
  *) exec "$@" ;;
esac
case " $* " in
  *' --version '* | *' --help '* | *' -h '*) exec "$program" "$@" ;;
esac

. "$image/opt/lepus/lib/environment.sh"
LEPUS_DATA_DIR=$(configured_data_folder "$@")
[ -n "$LEPUS_DATA_DIR" ] || choose_data_folder
export LEPUS_DATA_DIR
prepare_data_folder
warn_about_guest "$@"
if [ "$(id -u)" = 0 ]; then
  exec setpriv --reuid="$user" --regid="$user" --clear-groups -- "$program" "$@"
fi
exec "$program" "$@"
