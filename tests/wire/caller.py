"""A client of the sandbox shop over HTTP, which holds requests and answers against the official documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx2

from ml_connector.sandbox import town
from ml_connector.sandbox.month import Month, a_month
from ml_connector.sandbox.serving import Server
from ml_connector.sandbox.shop import Shop
from tests.wire import openapi

MONTH = a_month()
Row = dict[str, Any]


@dataclass
class Caller:
    """A client of the shop over HTTP, which can hold requests and answers against the official documents."""

    url: str
    http: httpx2.Client
    token: str = ""
    app_key: str = "sandbox-app-key"
    tenant: int = town.TENANT_ID

    def log_in(self, secret: str = "sandbox-secret") -> httpx2.Response:
        form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": secret}
        answer = self.http.post(f"{self.url}/connect/token", data=form)
        self.token = answer.json().get("access_token", "")
        return answer

    def get(self, module: str, name: str, **query: str | list[str]) -> httpx2.Response:
        path = f"/{module}/v2/tenant/{self.tenant}/{name}"
        headers = {"Authorization": f"Bearer {self.token}", "ST-App-Key": self.app_key}
        return self.http.get(self.url + path, params=query, headers=headers)

    def page(self, module: str, name: str, **query: str | list[str]) -> Row:
        """One answer, after it and its request have been found as specified."""
        path = f"/{module}/v2/tenant/{self.tenant}/{name}"
        values = {key: value if isinstance(value, list) else [value] for key, value in query.items()}
        openapi.validate_request(module, "GET", path, values)
        answer = self.get(module, name, **query)
        openapi.validate_answer(module, "GET", path, 200, answer.content)
        return _read(answer)

    def pages(self, module: str, name: str, checked: bool = False, since: str = "", **query: str) -> Iterator[Row]:
        """Every page of a list, or of a feed from `since`; `checked` ones have been found as specified."""
        feed = name.startswith("export/")
        if not feed:
            query |= {"page": "1", "pageSize": "150"}
        elif since:
            query["from"] = since
        while True:
            page = self.page(module, name, **query) if checked else _read(self.get(module, name, **query))
            yield page
            if not page["hasMore"]:
                return
            query |= {"from": page["continueFrom"]} if feed else {"page": str(page["page"] + 1)}

    def rows(self, module: str, name: str, checked: bool = False, since: str = "", **query: str) -> list[Row]:
        return [row for page in self.pages(module, name, checked, since, **query) for row in page["data"]]

    def tell(self, method: str, module: str, name: str, body: Row, status: int = 200) -> Row:
        """The answer to a write, after it and the body have been found as specified."""
        path = f"/{module}/v2/tenant/{self.tenant}/{name}"
        content = json.dumps(body).encode()
        if status == 200:
            openapi.validate_body(module, method, path, content)
        answer = self.send(method, module, name, content)
        assert answer.status_code == status, answer.text
        openapi.validate_answer(module, method, path, status, answer.content)
        read: Row = json.loads(answer.content, parse_float=Decimal)
        return read

    def send(self, method: str, module: str, name: str, content: bytes) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.token}", "ST-App-Key": self.app_key}
        path = f"/{module}/v2/tenant/{self.tenant}/{name}"
        return self.http.request(method, self.url + path, content=content, headers=headers)

    def do(self, deed: str, **how: object) -> Row:
        return _read(self.http.post(f"{self.url}/__sandbox/{deed}", json=how))


def _read(answer: httpx2.Response) -> Row:
    assert answer.status_code == 200, answer.text
    read: Row = json.loads(answer.content, parse_float=Decimal)
    return read


@contextmanager
def serving(month: Month = MONTH, **how: Any) -> Iterator[Caller]:
    how.setdefault("calls_per_second", 10_000)
    with Server(Shop(month, **how)) as server, httpx2.Client(timeout=30, verify=False) as http:
        caller = Caller(server.url, http)
        caller.log_in()
        yield caller
