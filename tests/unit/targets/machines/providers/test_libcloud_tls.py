"""Each provider verifies as its own target says, and changes nothing for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcloud.security
import pytest
import requests
from tests.unit.targets.machines.providers.clouds import provider, server_tls

from jupyterhub_anywhere.targets.causes import FailureCause
from jupyterhub_anywhere.targets.machines.provider import ProviderError
from jupyterhub_anywhere.targets.machines.providers.libcloud.tls import _Session
from jupyterhub_anywhere.testing.worlds.openstack_http import OpenStackWorld

if TYPE_CHECKING:
    from pathlib import Path


# Once a call without verification; in a hub, once a process.
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
async def test_two_providers_of_different_settings_at_two_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    first, first_file = server_tls(tmp_path, "first")
    second, second_file = server_tls(tmp_path, "second")
    before = libcloud.security.VERIFY_SSL_CERT, libcloud.security.CA_CERTS_PATH
    with OpenStackWorld(context=first) as one, OpenStackWorld(context=second) as two:
        async with (
            provider(one, verify=False) as careless,
            provider(two, verify=str(second_file)) as careful,
            provider(one, verify=str(second_file)) as wrong,
            provider(two) as strict,
        ):
            # In turns: whatever one sets would be seen by the next.
            for _ in range(2):
                assert await careless.machines({}) == []
                for each in (wrong, strict):
                    with pytest.raises(ProviderError, match="certificate") as caught:
                        await each.machines({})
                    assert caught.value.cause is FailureCause.CONFIG
                    assert "`verify`" in caught.value.hint
                assert await careful.machines({}) == []
    assert first_file.exists()
    assert before == (libcloud.security.VERIFY_SSL_CERT, libcloud.security.CA_CERTS_PATH)
    told = [each.getMessage() for each in caplog.records if "not verified" in each.getMessage()]
    assert len(told) == 1
    assert one.url.removeprefix("https://") in told[0]


async def test_a_switch_of_the_process_that_others_set_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libcloud.security, "VERIFY_SSL_CERT", False)
    context, _ = server_tls(tmp_path, "first")
    with OpenStackWorld(context=context) as world:
        async with provider(world) as strict:
            with pytest.raises(ProviderError, match="certificate"):
                await strict.machines({})


def test_a_token_is_not_sent_on_to_another_host() -> None:
    session = _Session()
    asked = requests.Request("GET", "https://a.example/x", headers={"X-Auth-Token": "t"}).prepare()
    answer = requests.Response()
    answer.request = asked
    same = requests.Request("GET", "https://a.example/y", headers={"X-Auth-Token": "t"}).prepare()
    session.rebuild_auth(same, answer)
    assert same.headers["X-Auth-Token"] == "t"
    for url in ("https://b.example/y", "http://a.example/y", "https://a.example:8/y"):
        other = requests.Request("GET", url, headers={"X-Auth-Token": "t"}).prepare()
        session.rebuild_auth(other, answer)
        assert "X-Auth-Token" not in other.headers
    session.close()
