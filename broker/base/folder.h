#pragma once

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

namespace lepus {

/// The files of a folder whose names end so (".conf"), by name.
inline std::vector<std::filesystem::path> files_of_folder(const std::filesystem::path& folder,
                                                          std::string_view extension,
                                                          std::error_code& error) {
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == extension) {
      files.push_back(entry->path());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace lepus
