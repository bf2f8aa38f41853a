#include "broker/store_command_line.h"

#include <string_view>

#include <CLI/CLI.hpp>

namespace lepus {

namespace {

CLI::App* add(CLI::App& store, StoreCommand& command, StoreCommand::Kind kind,
              const std::string& name, const std::string& help) {
  CLI::App* added = store.add_subcommand(name, help);
  added->callback([&command, kind] { command.kind = kind; });
  return added;
}

CLI::Option* add_directory(CLI::App& tool, StoreCommand& command) {
  return tool.add_option("directory", command.directory, "the data directory of a stopped broker")
      ->type_name("DIR");
}

void add_backup(CLI::App& store, StoreCommand& command) {
  CLI::App* backup = add(store, command, StoreCommand::Kind::backup, "backup",
                         "copy a store, of a running broker too; the copy is a data directory");
  CLI::Option* directory = add_directory(*backup, command);
  backup
      ->add_option("--to", command.to,
                   "the copy: a directory that is not there yet, on the broker's machine")
      ->type_name("PATH")
      ->required();
  backup
      ->add_option("--url", command.url,
                   "without DIR: the running broker's management API (http://127.0.0.1:15672)")
      ->type_name("URL")
      ->excludes(directory);
  backup->add_option("--user", command.user, "an administrator (guest)")->type_name("NAME");
  backup->add_option("--password", command.password, "and the password (LEPUS_PASSWORD, or guest)")
      ->type_name("TEXT");
}

}  // namespace

void add_store_commands(CLI::App& app, StoreCommand& command) {
  using Kind = StoreCommand::Kind;
  CLI::App* store = app.add_subcommand("store", "look after the data directory");
  store->require_subcommand(1);

  CLI::App* check = add(*store, command, Kind::check, "check",
                        "read all of a stopped store and say what is wrong with it; exit code 0: "
                        "nothing, 1: something, 2: it can't be looked at");
  add_directory(*check, command)->required();
  check->add_flag("--json", command.as_json, "print one JSON object");

  CLI::App* repair = add(*store, command, Kind::repair, "repair",
                         "make a damaged store usable again with what can be read of it; says "
                         "first what would be lost");
  add_directory(*repair, command)->required();
  repair->add_flag("--accept-loss", command.accept_loss, "yes, do it");

  CLI::App* export_messages =
      add(*store, command, Kind::export_messages, "export",
          "print definitions and messages of a stopped store, one JSON object a line");
  add_directory(*export_messages, command)->required();
  export_messages
      ->add_option("--queue", command.queues, "only the messages of this queue; may be repeated")
      ->type_name("VHOST/NAME");
  export_messages->add_flag("--definitions-only", command.definitions_only, "no messages");

  CLI::App* import_messages =
      add(*store, command, Kind::import_messages, "import",
          "add what export printed (on standard input) to a stopped or a new store");
  add_directory(*import_messages, command)->required();

  add_backup(*store, command);
}

}  // namespace lepus
