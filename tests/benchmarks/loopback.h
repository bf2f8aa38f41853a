#pragma once

#include <utility>

#include <unistd.h>

#include "broker/base/result.h"

namespace lepus::benchmarks {

/// A file descriptor that is closed in the end.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}

  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  ~Descriptor() {
    if (number_ >= 0) {
      close(number_);
    }
  }

  [[nodiscard]] int release() { return std::exchange(number_, -1); }

  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

/// Two ends of one TCP connection over the loopback interface.
[[nodiscard]] Result<std::pair<Descriptor, Descriptor>> connect_loopback();

}  // namespace lepus::benchmarks
