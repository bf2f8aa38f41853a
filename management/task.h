#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "broker/base/assert.h"

namespace lepus::management {

/// A coroutine that gives one T, at most one per request. It belongs to its Task: destroying the
/// Task destroys it wherever it waits. Lives on the management thread.
///
/// A Task that a coroutine waits for is a variable of it: GCC 12 destroys temporaries twice that
/// are made by `?:` inside an expression with co_await.
template <typename T>
class [[nodiscard]] Task {
 public:
  class promise_type;  // NOLINT(readability-identifier-naming): the language's name
  using Handle = std::coroutine_handle<promise_type>;

  class promise_type {  // NOLINT(readability-identifier-naming)
   public:
    Task get_return_object() { return Task{Handle::from_promise(*this)}; }

    std::suspend_always initial_suspend() noexcept { return {}; }

    auto final_suspend() noexcept {
      struct Continue {
        bool await_ready() noexcept { return false; }

        std::coroutine_handle<> await_suspend(Handle handle) noexcept {
          promise_type& promise = handle.promise();
          if (promise.done_) {
            promise.done_();
          }
          return promise.continuation_ ? promise.continuation_ : std::noop_coroutine();
        }

        void await_resume() noexcept {}
      };

      return Continue{};
    }

    void return_value(T value) { value_.emplace(std::move(value)); }

    void unhandled_exception() noexcept { exception_ = std::current_exception(); }

   private:
    friend class Task;

    T take() {
      if (exception_) {
        std::rethrow_exception(exception_);
      }
      LEPUS_ASSERT(value_.has_value(), "a coroutine that has ended gave its value");
      return std::move(*value_);
    }

    std::optional<T> value_;
    std::exception_ptr exception_;
    std::coroutine_handle<> continuation_;
    std::function<void()> done_;
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  ~Task() {
    if (handle_) {
      handle_.destroy();
    }
  }

  /// Runs it up to where it first waits. `done` is called when it has ended, perhaps before start()
  /// returns; it must not destroy the Task.
  void start(std::function<void()> done) {  // NOLINT(performance-unnecessary-value-param): moved
    handle_.promise().done_ = std::move(done);
    handle_.resume();
  }

  /// What it gave, once it has ended; throws what it threw.
  T take() { return handle_.promise().take(); }

  // ---- co_await
  [[nodiscard]] bool await_ready() const noexcept { return false; }

  std::coroutine_handle<> await_suspend(std::coroutine_handle<> continuation) noexcept {
    handle_.promise().continuation_ = continuation;
    return handle_;
  }

  T await_resume() { return take(); }

 private:
  explicit Task(Handle handle) : handle_(handle) {}

  Handle handle_;
};

}  // namespace lepus::management
