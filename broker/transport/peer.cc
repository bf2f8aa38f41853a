#include "broker/transport/peer.h"

#include <boost/asio/ip/address.hpp>

namespace lepus::transport {

namespace ip = boost::asio::ip;

namespace {

ip::address plain_address(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  }
  return address;
}

}  // namespace

std::string to_text(const ip::tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? '[' + address + "]:" + port : address + ':' + port;
}

std::optional<connection::PeerDescription> describe_peer(const ip::tcp::socket& socket,
                                                         bool is_tls) {
  boost::system::error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) {
    return std::nullopt;
  }
  const auto local = socket.local_endpoint(error);
  if (error) {
    return std::nullopt;
  }
  const ip::address peer_address = plain_address(peer.address());
  return connection::PeerDescription{.peer_host = peer_address.to_string(),
                                     .peer_port = peer.port(),
                                     .host = plain_address(local.address()).to_string(),
                                     .port = local.port(),
                                     .is_loopback = peer_address.is_loopback(),
                                     .is_tls = is_tls};
}

}  // namespace lepus::transport
