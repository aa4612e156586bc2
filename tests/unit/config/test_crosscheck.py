"""Whether the parts of a configuration fit each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyterhub_anywhere.config import crosscheck
from jupyterhub_anywhere.config.load import load_text
from jupyterhub_anywhere.config.marks import Marks
from jupyterhub_anywhere.config.models import Config, HubConfig, Tls

if TYPE_CHECKING:
    from jupyterhub_anywhere.core.errors import Problem

TARGETS = "targets: {here: {kind: process}, lab: {kind: docker}}\n"


def problems(text: str) -> list[Problem]:
    return list(load_text(text, "a.yaml", environ={}, collect=True).problems)


def profile(text: str) -> str:
    groups = "users: {groups: {gpu: []}}\n"
    return f"{TARGETS}{groups}profiles: {{p: {{targets: [here, lab], {text}}}}}"


def option(text: str) -> str:
    return profile(f"options: {{o: {text}}}")


O = "profiles.p.options.o"  # noqa: E741 - the option that most rows are about
CHOICES = "choices: {s: {}, t: {}}"


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        # Addresses.
        ("hub: {url: 'ftp://x'}", "hub.url", "no address", "http://127.0.0.1:8000"),
        ("hub: {url: example.org}", "hub.url", "no address", ""),
        ("hub: {url: 'http://'}", "hub.url", "no address", ""),
        ("hub: {url: 'http://x:y'}", "hub.url", "no address", ""),
        ("hub: {url: 'http://x:70000'}", "hub.url", "no address", ""),
        ("hub: {url: 'http://x:0'}", "hub.url", "port 0", ""),
        ("hub: {url: 'http://[::1'}", "hub.url", "no address", ""),
        ("hub: {url: 'http://ann:pw@x'}", "hub.url", "no user and no password", ""),
        ("hub: {url: 'http://x/?a=b'}", "hub.url", "no ?", ""),
        ("hub: {url: 'http://x/a b'}", "hub.url", "no blanks", ""),
        ("hub: {bind: 'http://x/path'}", "hub.bind", "has no path", "hub.url"),
        ("hub: {internal_url: 'http://x/path'}", "hub.internal_url", "has no path", ""),
        ("hub: {internal_url: 'https://x'}", "hub.internal_url", "certificate", "internal_tls"),
        (
            f"hub: {{internal_tls: {{cert: {__file__}, key: {__file__}}}}}",
            "hub.internal_tls",
            "nothing to encrypt",
            "internal_url",
        ),
        ("hub: {trusted_proxies: [10.0.0.300]}", "hub.trusted_proxies[0]", "300", "network"),
        ("hub: {trusted_proxies: [10.0.0.1/8]}", "hub.trusted_proxies[0]", "host bits", ""),
        # Files.
        ("hub: {jupyterhub_config: no.py}", "hub.jupyterhub_config", "there is no file", ""),
        # Culling.
        ("hub: {cull: {idle: 0}}", "hub.cull.idle", "more than nothing", ""),
        ("hub: {cull: {idle: 1h, every: 1h}}", "hub.cull.every", "less than idle", ""),
        ("hub: {cull: {idle: 1h, max_age: 0s}}", "hub.cull.max_age", "more than nothing", ""),
        # Names of users.
        ("users: {allowed: [Ann]}", "users.allowed[0]", "is stored as 'ann'", "Write ann."),
        ("users: {admins: [a b]}", "users.admins[0]", "no user name", ""),
        ("users: {allowed: [ann, ann]}", "users.allowed[1]", "already", ""),
        ("users: {allowed: [ann, ANN]}", "users.allowed[1]", "already", ""),
        ("users: {groups: {g: [.x]}}", "users.groups.g[0]", "no user name", ""),
        # Reserved uids.
        ("users: {uids: 500-5000}", "users.uids", "below 1000", ""),
        ("users: {uids: 9000-2000}", "users.uids", "above the last", "Did you mean 2000-9000?"),
        ("users: {uids: 2000-2100}", "users.uids", "101 uids", "1000 or more"),
        ("users: {uids: 2000-4294967295}", "users.uids", "4294967294", ""),
        # Profiles.
        ("profiles: {p: {targets: [her]}}", "profiles.p.targets[0]", "no target 'her'", "here?"),
        ("profiles: {p: {targets: [here, here]}}", "profiles.p.targets[1]", "already", ""),
        (profile("sets_for: {lap: {}}"), "profiles.p.sets_for.lap", "none of the targets", "lab?"),
        (profile("access: {groups: [gpus]}"), "profiles.p.access.groups[0]", "no group", "gpu?"),
        (profile("access: {users: [Ann]}"), "profiles.p.access.users[0]", "stored as", "ann"),
        (profile("access: {users: [a b]}"), "profiles.p.access.users[0]", "no user name", ""),
        # Options.
        (option("{type: text, targets: []}"), f"{O}.targets", "at least one", "Leave it out"),
        (option("{type: text, targets: [lap]}"), f"{O}.targets[0]", "does not offer", "lab?"),
        (option("{type: text, sets_for: {x: {}}}"), f"{O}.sets_for.x", "none of", "Allowed"),
        (
            option("{type: text, targets: [lab], sets_for: {here: {}}}"),
            f"{O}.sets_for.here",
            "none of",
            "lab",
        ),
        (option("{type: text, access: {groups: [x]}}"), f"{O}.access.groups[0]", "no group", "gpu"),
        (profile("options: {profile: {type: text}}"), "profiles.p.options.profile", "cannot", ""),
        (profile("options: {target: {type: text}}"), "profiles.p.options.target", "cannot", ""),
        # Limits.
        (
            option("{type: memory, default: 8G, max: 4G}"),
            f"{O}.default",
            "8G, is above max, 4G",
            "",
        ),
        (
            option("{type: memory, default: 1M, min: 2M}"),
            f"{O}.default",
            "1M, is below min, 2M",
            "",
        ),
        (
            option("{type: cpu, default: 1, min: 3, max: 2}"),
            f"{O}.min",
            "3, is above the most, 2",
            "",
        ),
        (option("{type: integer, default: 9, max: 8}"), f"{O}.default", "9, is above max, 8", ""),
        (option("{type: number, default: 0.5, min: 1}"), f"{O}.default", "0.5, is below", ""),
        # Choices.
        (option(f"{{type: choice, default: u, {CHOICES}}}"), f"{O}.default", "none of the", "s, t"),
        (
            option("{type: choice, choices: {s: {targets: [x]}, t: {}}}"),
            f"{O}.choices.s.targets[0]",
            "does not count at target 'x'",
            "",
        ),
        (
            option("{type: choice, choices: {s: {targets: [lab], sets_for: {here: {}}}, t: {}}}"),
            f"{O}.choices.s.sets_for.here",
            "none of the targets",
            "",
        ),
        (
            option("{type: choice, choices: {s: {access: {groups: [x]}}}}"),
            f"{O}.choices.s.access.groups[0]",
            "no group",
            "",
        ),
        (
            option("{type: choice, choices: {s: {targets: [lab]}}}"),
            f"{O}.choices",
            "none of the choices is there at target 'here'",
            "",
        ),
        # Text.
        (option("{type: text, pattern: '(['}"), f"{O}.pattern", "no regular expression", ""),
        (option(f"{{type: text, pattern: {'a' * 513}}}"), f"{O}.pattern", "at most 512", ""),
        (option("{type: text, pattern: '[a-z]+'}"), f"{O}.default", "as a whole", "empty text"),
        (option("{type: text, pattern: '[a-z]+', default: ab1}"), f"{O}.default", "as a whole", ""),
        (option("{type: text, default: abc, max_length: 2}"), f"{O}.default", "longer than 2", ""),
    ],
)
def test_parts_that_do_not_fit(text: str, path: str, message: str, hint: str) -> None:
    (problem,) = problems(text)
    assert problem.path == path
    assert message in problem.message
    assert hint in problem.hint
    assert problem.line


@pytest.mark.parametrize(
    "text",
    [
        "hub: {url: 'https://hub.example.org/jupyter/', bind: 'http://127.0.0.1:9000/'}",
        "hub: {url: 'http://[::1]:8000', trusted_proxies: [10.0.0.5, 10.0.0.0/24, '::1']}",
        "hub: {cull: {idle: 1h, every: 5m, max_age: 1d}}",
        "users: {uids: 100000-165535, allowed: [ann, jürgen]}",
        option("{type: memory, default: 1G, min: 1G, max: 1G}"),
        option(f"{{type: choice, {CHOICES}, default: t}}"),
        option("{type: choice, choices: {s: {targets: [lab]}, t: {targets: [here]}}}"),
        option("{type: text, pattern: '[a-z]*'}"),
        profile("access: {users: [ann], groups: [gpu]}"),
    ],
)
def test_parts_that_fit(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize("login", ["shared-password", "native", "pam"])
def test_a_group_has_to_be_in_the_file_where_nobody_else_knows_groups(login: str) -> None:
    text = (
        f"users: {{login: {login}}}\nprofiles: {{p: {{targets: [here], access: {{groups: [g]}}}}}}"
    )
    assert [each.path for each in problems(text)] == ["profiles.p.access.groups[0]"]


@pytest.mark.parametrize("login", ["github", "mypkg.Login"])
def test_another_login_may_bring_groups(login: str) -> None:
    text = (
        f"users: {{login: {login}}}\nprofiles: {{p: {{targets: [here], access: {{groups: [g]}}}}}}"
    )
    assert problems(text) == []


def test_files_are_looked_for_from_the_folder_of_the_file(tmp_path: Path) -> None:
    tls = Tls(cert=Path("cert.pem"), key=tmp_path / "key.pem")
    config = Config(hub=HubConfig(tls=tls, jupyterhub_config=Path("extra.py")))
    found = crosscheck.problems(config, Marks(), tmp_path)
    assert {each.path for each in found} == {
        "hub.tls.cert",
        "hub.tls.key",
        "hub.jupyterhub_config",
    }
    for name in ("cert.pem", "key.pem", "extra.py"):
        (tmp_path / name).touch()
    assert crosscheck.problems(config, Marks(), tmp_path) == []
