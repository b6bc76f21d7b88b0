"""Replies that mean harm, over real connections: both clients refuse them, with little memory and few words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import trustme

from cw_pipeline.connectwise import http, models, paging
from cw_pipeline.connectwise.client import ConnectWiseClient
from cw_pipeline.connectwise.errors import ContractBroken, UncertainWrite
from cw_pipeline.connectwise.models import NewAddition
from cw_pipeline.nordpass import transport
from cw_pipeline.nordpass.provider_api import ProviderApi
from cw_pipeline.vocabulary import Month
from cw_pipeline_tests.connectwise.conftest import CREDENTIALS
from cw_pipeline_tests.end_to_end.hostile import (
    GZIP,
    LONGEST_MESSAGE,
    MIB,
    Body,
    Service,
    answer,
    bomb,
    half_a_gigabyte,
    memory_below,
)
from cw_pipeline_tests.nordpass.conftest import MSP, pem_of, rsa_key
from cw_pipeline_tests.nordpass.scripted_server import Server
from cw_pipeline_tests.support.fake_time import FakeTime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cw_pipeline.connectwise.record_list import RecordList


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[Server]:
    with Server(authority) as server:
        yield server


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def all_of(listed: RecordList[models.Agreement] | RecordList[models.Addition]) -> object:
    """Refuse a list with a record that cannot be read, as whoever needs every record does."""
    for one in listed.unreadable:
        raise ContractBroken(f"{one.why} (record {one.id})")
    return list(listed.records)


CODEBASE = answer(b'{"Codebase": "v4_6_release/"}')


@pytest.fixture
def client(server: Server, bundle: Path) -> Iterator[ConnectWiseClient]:
    time = FakeTime()
    credentials = replace(CREDENTIALS, site_url=server.url, ca_bundle=bundle)
    with ConnectWiseClient(credentials, sleep=time.sleep, clock=time.clock) as client:
        yield client


@pytest.fixture
def connectwise(server: Server, client: ConnectWiseClient) -> Service:
    return Service(
        server,
        read=lambda: list(client.company_types()),
        record=b'{"id": 1, "name": %s}',
        around=(b"[", b"]"),
        first=[CODEBASE],
    )


@pytest.fixture
def agreements(connectwise: Service, client: ConnectWiseClient) -> Service:
    record = b'{"id": 1, "name": %s, "type": {"id": 2}, "company": {"id": 3}}'
    return replace(connectwise, read=lambda: all_of(client.agreements_by_id([1])), record=record)


@pytest.fixture
def additions(connectwise: Service, client: ConnectWiseClient) -> Service:
    record = b'{"id": 1, "product": {"id": 2}, "quantity": 5, "billCustomer": %s}'
    return replace(connectwise, read=lambda: all_of(client.additions(1)), record=record)


@pytest.fixture
def api(server: Server, bundle: Path) -> Iterator[ProviderApi]:
    with ProviderApi(
        server.url, msp_id=MSP, private_key=pem_of(rsa_key()), ca_bundle=bundle, sleep=lambda _seconds: None
    ) as api:
        yield api


@pytest.fixture
def nordpass(server: Server, api: ProviderApi) -> Service:
    return Service(
        server,
        read=api.organizations,
        record=b'{"id": "org-1", "name": %s, "plan": "Business", "license_type": "Standard", "status": "Active", '
        b'"msp_managed": true}',
        around=(b'{"items": [', b'], "next_cursor": null}'),
    )


@pytest.fixture
def usage(server: Server, api: ProviderApi) -> Service:
    return Service(
        server,
        read=lambda: api.monthly_usage(Month(2026, 3)),
        record=b'{"organization_id": "org-1", "organization_name": %s, "plan": "Business", "license_type": "Standard", '
        b'"msp_managed": true, "consumed_licenses": 5}',
        around=(
            b'{"month": "2026-03", "final": true, "generated_at": "2026-04-01T00:05:00Z", "items": [',
            b'], "next_cursor": null}',
        ),
    )


@pytest.fixture(params=["connectwise", "agreements", "additions", "nordpass", "usage"])
def service(request: pytest.FixtureRequest) -> Service:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("status", [200, 401, 503])
@pytest.mark.parametrize(
    ("body", "headers"), [(None, {}), (half_a_gigabyte, GZIP)], ids=["endless", "half a gigabyte, compressed"]
)
def test_a_reply_without_end_is_given_up_with_little_memory(
    service: Service, status: int, body: Body, headers: dict[str, str]
) -> None:
    with memory_below(3 * http.LONGEST_REPLY):
        said = service.refuses(answer(body, status=status, headers=headers))
    assert re.search("too large|larger than" if status == 200 else f"{status}|larger than", said)


def test_a_reply_of_too_many_records_is_refused_with_bounded_memory(service: Service) -> None:
    before, after = service.around
    thousands = min(http.LONGEST_REPLY, transport.BOUNDS.body_bytes) // 3_000 - 1
    body = bomb(b"{}," * 1_000, thousands, (before, b"{}" + after))
    with memory_below(256 * MIB):
        said = service.refuses(answer(body, headers=GZIP))
    assert re.search("records on a page|at most 10000 items", said)


@pytest.mark.parametrize(
    "value",
    [
        b"9" * 4_000,
        b"9" * 100_000,
        b"1e400",
        b"1e99999999999999999999",
        b"NaN",
        b"-Infinity",
        b"true",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'"' + b"x" * 100_000 + b'"',
        b'"\\ud800"',
        b'"',
        b"",
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_text_of_another_shape_or_size_is_refused(service: Service, value: bytes) -> None:
    with memory_below(16 * MIB):
        service.refuses(answer(service.page(value)))


@pytest.mark.parametrize(
    "value",
    [
        b'"' + CREDENTIALS.private_key.encode() + b"x" * 1_000_000 + b'"',
        b'"2026-04-01T' + CREDENTIALS.authorization().encode() + b'"',
        b'"2026-02-30"',
        b'"10000-01-01"',
        b'"0000-00-00T00:00:00Z"',
        b"2026",
        b"[]",
        b"{}",
    ],
    ids=lambda value: repr(value[:14]),
)
def test_a_date_that_is_none_is_refused_and_not_quoted(
    connectwise: Service, client: ConnectWiseClient, value: bytes
) -> None:
    line = b'{"id": 1, "product": {"id": 3}, "quantity": 1, "billCustomer": "Billable", "effectiveDate": %s}' % value
    with memory_below(16 * MIB):
        said = replace(connectwise, read=lambda: all_of(client.additions(7))).refuses(answer(b"[" + line + b"]"))
    assert re.search("effectiveDate: .*expected|valid date", said)
    assert CREDENTIALS.redact(said) == said


def test_a_number_of_a_record_that_fills_pages_is_not_quoted_whole(connectwise: Service) -> None:
    connectwise.refuses(answer(b'[{"id": ' + b"9" * 4_000 + b', "name": "Acme"}]'))


def test_a_good_page_is_read(service: Service) -> None:
    service.server.script = [*service.first, answer(service.page(b'"Acme"'))]
    assert "Acme" in str(service.read())


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (None, {}),
        (half_a_gigabyte, GZIP),
        (b"[" * 100_000, {}),
        (b'{"id": ' * 100_000, {}),
        (b'{"id": ' + b"9" * 100_000 + b"}", {}),
        (b'{"id": 1, "product": {"id": 2}, "billCustomer": "Billable", "quantity": 1e99999999999999999999}', {}),
        (b"[]", {}),
    ],
    ids=["endless", "half a gigabyte, compressed", "deep", "deep", "a huge id", "a huge quantity", "another shape"],
)
def test_a_write_with_a_harmful_reply_is_in_doubt_and_sent_once(
    server: Server, client: ConnectWiseClient, body: Body, headers: dict[str, str]
) -> None:
    first, last = date(2026, 4, 1), date(2026, 4, 30)
    line = NewAddition(
        product_id=2, quantity=Decimal(5), effective_date=first, cancelled_date=last, serial_number="NP:2026-03:B:org-1"
    )
    server.script = [CODEBASE, *[answer(body, status=201, headers=headers)] * 9]
    with memory_below(3 * http.LONGEST_REPLY), pytest.raises(UncertainWrite) as error:
        client.create_addition(1, line)
    assert len(str(error.value)) < LONGEST_MESSAGE
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [301, 307, 308])
def test_no_key_follows_a_redirect_to_another_host(service: Service, authority: trustme.CA, status: int) -> None:
    with Server(authority) as other:
        said = service.refuses(answer(b"", status=status, headers={"Location": f"{other.url}/v1/organizations"}))
        assert other.seen == []
    assert "redirect" in said


def test_no_key_goes_to_another_host_for_the_next_page(connectwise: Service, authority: trustme.CA) -> None:
    with Server(authority) as other:
        link = {"Link": f'<{other.url}/company/companies/types?pageId=2>; rel="next"'}
        connectwise.server.script = [
            *connectwise.first,
            answer(connectwise.page(b'"Customer"'), headers=link),
            answer(b"[]"),
        ]
        assert "Customer" in str(connectwise.read())
        assert (connectwise.server.script, other.seen) == ([], [])


@pytest.mark.parametrize("name", ["pageId", "page"])
def test_pages_without_end_are_given_up(connectwise: Service, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(paging, "MOST_PAGES", 5)
    pages = [
        answer(b'[{"id": %d, "name": ""}]' % page, headers={"Link": f'<https://x/?{name}={page + 1}>; rel="next"'})
        for page in range(1, 9)
    ]
    assert "does not end after 5 pages" in connectwise.refuses(*([pages[0]] if name == "page" else []), *pages)


def test_more_records_than_a_list_can_have_are_given_up(connectwise: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_RECORDS", 2)
    three = b",".join(b'{"id": %d, "name": ""}' % number for number in range(3))
    assert "2 records" in connectwise.refuses(answer(b"[" + three + b"]"))


@pytest.mark.parametrize("asked", ["soon", "-1", "Sun, 01 Mar 99999999999 00:00:45 GMT", "9" * 5_000])
def test_a_wait_that_cannot_be_read_is_not_waited_for(nordpass: Service, asked: str) -> None:
    assert "503" in nordpass.refuses(answer(b"", status=503, headers={"Retry-After": asked}))
