"""The management HTTP API, as a client of it sees it."""

from urllib.parse import quote

import requests

from support.waiting import wait_until

TIMEOUT_S = 15


def segment(name):
    """A name as one segment of a path: `/` is written %2F."""
    return quote(name, safe="")


class Management:
    """Requests below /api with HTTP Basic authentication. Paths are given as segments:
    `get("queues", "/", "q")`."""

    def __init__(self, broker, user="guest", password="guest"):
        self.base = f"{broker.management_url}/api"
        self.auth = (user, password)

    def request(self, verb, segments, session=requests, **options):
        """One request; without a session it has a connection of its own, which a server may close
        as it likes."""
        path = "/".join(segment(str(part)) for part in segments)
        return session.request(
            verb, f"{self.base}/{path}", auth=self.auth, timeout=TIMEOUT_S, **options
        )

    def get(self, *segments, **query):
        """The decoded answer of a GET that must succeed."""
        answer = self.request("GET", segments, params=query)
        assert answer.status_code == 200, f"GET {answer.url}: {answer.status_code} {answer.text}"
        assert answer.headers["content-type"].split(";")[0] == "application/json"
        return answer.json()

    def status(self, *segments, verb="GET", **options):
        return self.request(verb, segments, **options).status_code

    def put(self, *segments, expect=(201, 204), **body):
        answer = self.request("PUT", segments, json=body)
        assert answer.status_code in expect, f"PUT {answer.url}: {answer.status_code} {answer.text}"
        return answer

    def post(self, *segments, expect=(200, 201, 204), **body):
        answer = self.request("POST", segments, json=body)
        assert answer.status_code in expect, (
            f"POST {answer.url}: {answer.status_code} {answer.text}"
        )
        return answer.json() if answer.status_code == 200 else answer

    def delete(self, *segments, expect=(204,), headers=None, **query):
        answer = self.request("DELETE", segments, params=query, headers=headers)
        assert answer.status_code in expect, (
            f"DELETE {answer.url}: {answer.status_code} {answer.text}"
        )
        return answer

    def connection_named(self, name):
        """The listed connection whose client calls itself `name`; waits until it is listed."""

        def find():
            for connection in self.get("connections"):
                if connection.get("client_properties", {}).get("connection_name") == name:
                    return connection
            return None

        return wait_until(find, f"a connection named {name} is listed", interval=0.2)
