#pragma once

#include <cstdint>
#include <string_view>

#include "amqp/constants.h"

namespace lepus::amqp {

/// tx.select (90,10). Makes the channel transactional.
struct TxSelect {
  static constexpr std::uint16_t class_id = tx_class_id;
  static constexpr std::uint16_t method_id = 10;
  static constexpr std::string_view name = "tx.select";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const TxSelect&, const TxSelect&) = default;
};

/// tx.select-ok (90,11). The channel is transactional.
struct TxSelectOk {
  static constexpr std::uint16_t class_id = tx_class_id;
  static constexpr std::uint16_t method_id = 11;
  static constexpr std::string_view name = "tx.select-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const TxSelectOk&, const TxSelectOk&) = default;
};

/// tx.commit (90,20). Commits the transaction and begins the next.
struct TxCommit {
  static constexpr std::uint16_t class_id = tx_class_id;
  static constexpr std::uint16_t method_id = 20;
  static constexpr std::string_view name = "tx.commit";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const TxCommit&, const TxCommit&) = default;
};

/// tx.commit-ok (90,21). The transaction is committed.
struct TxCommitOk {
  static constexpr std::uint16_t class_id = tx_class_id;
  static constexpr std::uint16_t method_id = 21;
  static constexpr std::string_view name = "tx.commit-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const TxCommitOk&, const TxCommitOk&) = default;
};

/// tx.rollback (90,30). Drops the transaction and begins the next.
struct TxRollback {
  static constexpr std::uint16_t class_id = tx_class_id;
  static constexpr std::uint16_t method_id = 30;
  static constexpr std::string_view name = "tx.rollback";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const TxRollback&, const TxRollback&) = default;
};

/// tx.rollback-ok (90,31). The transaction is dropped.
struct TxRollbackOk {
  static constexpr std::uint16_t class_id = tx_class_id;
  static constexpr std::uint16_t method_id = 31;
  static constexpr std::string_view name = "tx.rollback-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const TxRollbackOk&, const TxRollbackOk&) = default;
};

}  // namespace lepus::amqp
