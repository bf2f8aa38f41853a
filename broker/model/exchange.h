#pragma once

#include <string>

#include "amqp/field_table.h"

namespace lepus::model {

// To be written by the owner of the topology: the record (name, type, durable, auto_delete, internal, arguments, version) and
// the interface of the exchange types.
class Exchange;

}  // namespace lepus::model
