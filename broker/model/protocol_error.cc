#include "broker/model/protocol_error.h"

#include <stdexcept>

namespace lepus::model {

void throw_exception_from_error(const ProtocolError& error, const boost::source_location&) {
  throw std::runtime_error(error.text);
}

}  // namespace lepus::model
