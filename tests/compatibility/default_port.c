// Preloaded into a client's tests that have RabbitMQ's default ports written into them: a connection to port 5672 or
// 15672 of this machine goes to the broker under test (LEPUS_DEFAULT_PORT, LEPUS_DEFAULT_MANAGEMENT_PORT).

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static in_port_t redirected(in_port_t port) {
  const char* chosen = NULL;
  if (port == htons(5672)) {
    chosen = getenv("LEPUS_DEFAULT_PORT");
  } else if (port == htons(15672)) {
    chosen = getenv("LEPUS_DEFAULT_MANAGEMENT_PORT");
  }
  return chosen != NULL ? htons((in_port_t)atoi(chosen)) : port;
}

int connect(int socket, const struct sockaddr* address, socklen_t length) {
  int (*next)(int, const struct sockaddr*, socklen_t);
  *(void**)&next = dlsym(RTLD_NEXT, "connect");
  struct sockaddr_storage changed;
  if (length > sizeof changed) {
    return next(socket, address, length);
  }
  memcpy(&changed, address, length);
  // The port is at the same place in both families' addresses.
  if (address->sa_family == AF_INET || address->sa_family == AF_INET6) {
    struct sockaddr_in* internet = (struct sockaddr_in*)&changed;
    internet->sin_port = redirected(internet->sin_port);
  }
  return next(socket, (const struct sockaddr*)&changed, length);
}
