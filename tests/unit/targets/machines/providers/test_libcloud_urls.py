"""The identity service's address, as people write it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyterhub_anywhere.targets.machines.providers.libcloud.urls import identity_url, service_url


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("cloud.example.org", "https://cloud.example.org"),
        ("cloud.example.org:5000", "https://cloud.example.org:5000"),
        ("http://cloud.example.org:5000/", "http://cloud.example.org:5000"),
        ("https://cloud.example.org:443/identity", "https://cloud.example.org/identity"),
        ("https://cloud.example.org/keystone", "https://cloud.example.org/keystone"),
        ("https://cloud.example.org/keystone/v3", "https://cloud.example.org/keystone"),
        ("https://cloud.example.org:5000/v3/", "https://cloud.example.org:5000"),
        ("https://c.example.org/keystone/v3/auth/tokens", "https://c.example.org/keystone"),
        ("https://c.example.org/v3/auth/tokens/v3/auth/tokens", "https://c.example.org"),
        ("https://c.example.org/identity//v3//auth//tokens/", "https://c.example.org/identity"),
        ("https://c.example.org:5000/v2.0/tokens", "https://c.example.org:5000"),
        ("HTTPS://Cloud.Example.ORG./v3?x=1#y", "https://cloud.example.org"),
        (" [2001:db8::1]:5000/v3 ", "https://[2001:db8::1]:5000"),
    ],
)
def test_all_forms_in_use(written: str, used: str) -> None:
    assert identity_url(written) == used
    assert identity_url(used) == used


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "no host"),
        ("ftp://cloud.example.org", "not by ftp"),
        ("https://alice:hunter2@cloud.example.org", "no password in it"),
        ("https://cloud.example.org:99999", "number up to 65535"),
        ("https://cloud example/", "no host"),
    ],
)
def test_what_is_no_address(written: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        identity_url(written)
    assert "hunter2" not in str(caught.value)


@given(
    st.sampled_from(["", "/identity", "/keystone", "/a/b"]),
    st.lists(st.sampled_from(["/v3", "/v3/auth/tokens", "/", "/v2.0"]), max_size=4),
)
def test_whatever_follows_the_path_is_dropped(path: str, tail: list[str]) -> None:
    assert identity_url(f"https://h:5000{path}{''.join(tail)}") == f"https://h:5000{path}"


def test_endpoints_with_a_version() -> None:
    assert service_url("https://h:9292/v2/") == "https://h:9292"
    assert service_url("https://h/network/v2.0") == "https://h/network"
    assert service_url("https://h/image") == "https://h/image"
