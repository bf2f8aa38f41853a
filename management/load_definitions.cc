#include "management/load_definitions.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <nlohmann/json.hpp>

#include "broker/base/folder.h"
#include "management/definitions.h"
#include "management/json_values.h"
#include "management/response.h"

namespace lepus::management {

namespace {

/// Who made what definitions bring at start.
constexpr const char* importing_user = "rmq-internal";

/// What an answer of the API gives as its reason.
std::string reason_of(const std::string& answer) {
  const nlohmann::json parsed = parse_json(answer);
  if (!parsed.is_object() || !parsed.contains("reason")) {
    return answer;
  }
  const nlohmann::json& reason = parsed["reason"];
  return reason.is_string() ? reason.get<std::string>() : to_text(reason);
}

Result<model::TopologyTicket> load_file(model::Topology& topology,
                                        const std::filesystem::path& path) {
  const std::string prefix = "cannot load definitions from " + path.string() + ": ";
  std::ifstream stream(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream) {
    return fail(prefix + std::strerror(errno));
  }
  const nlohmann::json definitions = parse_json(text);
  if (!definitions.is_object()) {
    return fail(prefix + "not a JSON object");
  }
  auto imported = import_definitions(topology, importing_user, definitions);
  if (!imported) {
    return fail(prefix + reason_of(imported.error().text));
  }
  return imported;
}

}  // namespace

Result<model::TopologyTicket> load_definitions(model::Topology& topology, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return load_file(topology, path);
  }
  const auto files = files_of_folder(path, ".json", error);
  if (error) {
    return fail("cannot list the definitions in " + path + ": " + error.message());
  }
  model::TopologyTicket last = 0;
  for (const auto& file : files) {
    const auto loaded = load_file(topology, file);
    if (!loaded) {
      return loaded.error();
    }
    last = std::max(last, *loaded);
  }
  return last;
}

}  // namespace lepus::management
