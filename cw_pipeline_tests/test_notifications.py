"""A message on its way to real receivers on this machine."""

from __future__ import annotations

import logging
import logging.config

import pytest
from pydantic import SecretStr

from cw_pipeline.notifications import addresses
from cw_pipeline_tests.support.receivers import mail_server, web_hook

SECRET = "top-secret-token"  # in the receivers' addresses


@pytest.mark.parametrize("unusable", ["top-secret-token", "unknown://top-secret-token"])
def test_an_unusable_address_is_named_by_position_and_others_get_the_alert(unusable: str) -> None:
    with web_hook() as hook:
        sent = {
            address.name: address.send("Title", ["<b>1 & 2</b>", "3"])
            for address in addresses(SecretStr(f"{unusable} {hook.address}"))
        }
        assert sent == {"address 1 (cannot be used)": False, "address 2 (JSON)": True}
        assert [message["message"] for message in hook.messages] == ["<b>1 & 2</b>\n3"]


def test_mail_is_sent() -> None:
    with mail_server() as server:
        address = f"mailto://127.0.0.1:{server.port}?from=cw@example.com&to=billing@example.com"
        (one,) = addresses(SecretStr(address))
        assert one.send("cw_pipeline: disconnect failed", ["Why.", "What next."])
        (mail,) = server.mail
    assert mail.rcpt_tos == ["billing@example.com"]
    assert isinstance(mail.content, bytes)
    assert b"Subject: cw_pipeline: disconnect failed" in mail.content
    assert b"Why.\r\nWhat next." in mail.content


@pytest.mark.parametrize(
    "address", ["top-secret-token", "unknown://top-secret-token", "mailto://", "json:/top-secret-token", "  "]
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_it(
    address: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as Dagster does, once and again
    with caplog.at_level(logging.DEBUG):
        (one,) = addresses(SecretStr(address))
        assert (one.name, one.send("Title", ["1"])) == ("address 1 (cannot be used)", False)
    assert SECRET not in f"{one}{caplog.text}{capfd.readouterr()}"
