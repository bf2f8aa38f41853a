#include "broker/store_commands.h"

#include <ostream>

#include "broker/store_backup.h"
#include "broker/store_check.h"
#include "broker/store_export.h"
#include "broker/store_import.h"
#include "broker/store_repair.h"

namespace lepus {

int run_store_command(const StoreCommand& command, std::istream& in, std::ostream& out,
                      std::ostream& error) {
  switch (command.kind) {
    case StoreCommand::Kind::check:
      return check_store(command.directory, command.as_json, out, error);
    case StoreCommand::Kind::repair:
      return repair_store(command.directory, command.accept_loss, out, error);
    case StoreCommand::Kind::export_messages:
      return export_store(command.directory, {command.queues, command.definitions_only}, out,
                          error);
    case StoreCommand::Kind::import_messages:
      return import_store(command.directory, in, out, error);
    case StoreCommand::Kind::backup:
      return command.directory.empty()
                 ? backup_running_store({command.url, command.user, command.password}, command.to,
                                        out, error)
                 : backup_stopped_store(command.directory, command.to, out, error);
    case StoreCommand::Kind::none:
      break;
  }
  return tool_failed;
}

}  // namespace lepus
