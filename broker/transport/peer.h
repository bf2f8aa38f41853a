#pragma once

#include <optional>
#include <string>

#include <boost/asio/ip/tcp.hpp>

#include "broker/connection/connection_settings.h"

namespace lepus::transport {

/// "127.0.0.1:5672", "[::1]:5672".
[[nodiscard]] std::string to_text(const boost::asio::ip::tcp::endpoint& endpoint);

/// The two ends of an accepted socket, IPv4 addresses as such even if they came over an IPv6
/// socket; nothing if the peer is gone.
[[nodiscard]] std::optional<connection::PeerDescription> describe_peer(
    const boost::asio::ip::tcp::socket& socket, bool is_tls);

}  // namespace lepus::transport
