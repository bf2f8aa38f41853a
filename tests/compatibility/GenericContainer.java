package org.testcontainers.containers;

import org.junit.rules.ExternalResource;

/**
 * Takes the place of the containers of RabbitMQ that clients' tests start: the broker under test, which runs already at
 * LEPUS_DEFAULT_PORT and LEPUS_DEFAULT_MANAGEMENT_PORT of this machine.
 */
public class GenericContainer<SELF extends GenericContainer<SELF>> extends ExternalResource {
  public GenericContainer(String image) {}

  @SuppressWarnings("unchecked")
  public SELF withExposedPorts(Integer... ports) {
    return (SELF) this;
  }

  public String getContainerIpAddress() {
    return "127.0.0.1";
  }

  public Integer getMappedPort(int port) {
    return Integer.valueOf(
        System.getenv(port == 15672 ? "LEPUS_DEFAULT_MANAGEMENT_PORT" : "LEPUS_DEFAULT_PORT"));
  }
}
