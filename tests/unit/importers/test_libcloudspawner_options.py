"""Every option of both generations of LibcloudSpawner, as a target and a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.importers.libcloud_files import Sections, first_sections, sections

from jupyterhub_anywhere.importers.libcloud_hub import hub_address
from jupyterhub_anywhere.importers.libcloud_options import gather
from jupyterhub_anywhere.importers.libcloud_site import declare

if TYPE_CHECKING:
    from jupyterhub_anywhere.importers.result import Imported

HUB = ("https://10.0.0.1:8081", "hub_connect_url")


def made(found: Sections) -> Imported:
    return declare(gather(found), HUB)


def target(found: Sections) -> dict[str, Any]:
    done = made(found)
    assert done.left == []
    cloud: dict[str, Any] = done.data["targets"]["cloud"]
    return cloud


def spawner(found: Sections) -> dict[str, Any]:
    traits: dict[str, Any] = target(found)["spawner"]
    return traits


def options(found: Sections) -> dict[str, Any]:
    profile = made(found).data["profiles"]["machine"]
    assert profile["targets"] == ["cloud"]
    menu: dict[str, Any] = profile["options"]
    return menu


def left(found: Sections) -> str:
    return "\n".join(map(str, made(found).left))


def told(found: Sections) -> str:
    return "\n".join(made(found).told)


# --- what is offered -----------------------------------------------------------------------------


def test_images_and_sizes_of_2_are_choices_under_the_names_of_its_form() -> None:
    menu = options(
        sections(
            userserver_images=[("Lab", "lab-24"), ("R", "r-24")],
            userserver_sizes=[("Small", "s1"), ("Big", "s8")],
        )
    )
    assert list(menu) == ["userserver_image", "userserver_size"]
    assert menu["userserver_image"]["sets"] == {"image": "{value}"}
    assert menu["userserver_image"]["choices"] == {
        "lab-24": {"title": "Lab"},
        "r-24": {"title": "R"},
    }
    assert menu["userserver_size"]["sets"] == {"size": "{value}"}
    assert list(menu["userserver_size"]["choices"]) == ["s1", "s8"]


def test_images_and_sizes_of_1_are_choices_under_the_names_of_its_form() -> None:
    menu = options(first_sections())
    assert list(menu) == ["machineimage", "machinesize"]
    assert menu["machineimage"]["choices"] == {"lab-16": {"title": "Lab"}}
    assert menu["machinesize"]["choices"] == {"s1": {"title": "Small"}}


@pytest.mark.parametrize("name", ["userserver_images", "userserver_sizes"])
@pytest.mark.parametrize("value", [None, [], "lab", [("only one",)], [("a", 1)], [("", "x")]])
def test_a_list_that_offers_nothing_is_refused_with_an_example(name: str, value: Any) -> None:
    text = left(sections(**{name: value}))
    assert f"LibcloudSpawner.{name}" in text
    assert "Display name" in text


def test_an_image_that_is_offered_twice_is_offered_once() -> None:
    found = sections(userserver_images=[("A", "x"), ("B", "x")])
    assert options(found)["userserver_image"]["choices"] == {"x": {"title": "A"}}
    assert "x is offered once" in told(found)


# --- the cloud -----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [sections, first_sections])
def test_parameters_of_the_driver_have_keys_and_all_others_pass_through(make: Any) -> None:
    name = "libcloudparams" if make is first_sections else "libcloud_driver_params"
    params = {
        "arg_user_id": "me",
        "arg_key": "secret",
        "ex_force_auth_url": "https://k/keystone/v3",
        "ex_force_auth_version": "3.x_password",
        "ex_force_service_region": "R2",
        "ex_tenant_name": "t",
        "ex_domain_name": "d",
        "api_version": "2.2",
        "timeout": 30,
    }
    found = target(make(**{name: params}))
    assert {key: found[key] for key in ("kind", "driver", "user", "key", "auth_url", "region")} == {
        "kind": "cloud",
        "driver": "openstack",
        "user": "me",
        "key": "secret",
        "auth_url": "https://k/keystone/v3",
        "region": "R2",
    }
    assert found["options"] == {
        "ex_force_auth_version": "3.x_password",
        "ex_tenant_name": "t",
        "ex_domain_name": "d",
        "api_version": "2.2",
        "timeout": 30,
    }


@pytest.mark.parametrize(("value", "verify"), [(False, False), ("/etc/ca.pem", "/etc/ca.pem")])
def test_the_certificate_of_the_cloud_is_verified_for_this_target_alone(
    value: Any, verify: Any
) -> None:
    base = sections()["LibcloudSpawner"]["libcloud_driver_params"]
    found = target(sections(libcloud_driver_params={**base, "verify_ssl_cert": value}))
    assert found["verify"] == verify
    assert "verify_ssl_cert" not in found["options"]
    assert "verify" not in target(
        sections(libcloud_driver_params={**base, "verify_ssl_cert": True})
    )


CLOUD = {
    "cloud_url": "https://k/v3",
    "cloud_user": "me",
    "cloud_userpassword": "secret",
    "cloud_project": "lab",
    "cloud_region": "R2",
}


def test_the_cloud_options_of_1_fill_what_libcloudparams_leaves_out() -> None:
    found = target(first_sections(libcloudparams={"ex_domain_name": "d"}, **CLOUD))
    assert (found["user"], found["key"]) == ("me", "secret")
    assert (found["auth_url"], found["region"]) == ("https://k/v3", "R2")
    assert found["options"]["ex_tenant_name"] == "lab"
    assert found["options"]["ex_domain_name"] == "d"


def test_they_are_enough_alone() -> None:
    found = first_sections(libcloudparams=None, **CLOUD)
    assert target(found)["options"] == {
        "ex_tenant_name": "lab",
        "ex_force_auth_version": "3.x_password",
    }
    assert "ex_force_auth_version was not set" in told(found)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cloud_url", "https://other/v3"),
        ("cloud_user", "other"),
        ("cloud_userpassword", "other"),
    ],
)
def test_libcloudparams_wins_over_them_and_says_so(option: str, value: str) -> None:
    found = first_sections(**{option: value})
    assert target(found) == target(first_sections())
    assert f"LibcloudSpawner.{option} does not" in told(found)
    # Never the value: one of them is a password.
    assert value not in told(found).replace("LibcloudSpawner", "")


@pytest.mark.parametrize("make", [sections, first_sections])
@pytest.mark.parametrize("missing", ["ex_force_auth_url", "arg_user_id", "arg_key"])
def test_a_credential_goes_to_no_host_that_nobody_wrote(make: Any, missing: str) -> None:
    name = "libcloudparams" if make is first_sections else "libcloud_driver_params"
    params = dict(make()["LibcloudSpawner"][name])
    del params[missing]
    text = left(make(**{name: params}))
    assert f"Set {missing!r} in c.LibcloudSpawner.{name}" in text
    assert ("or c.LibcloudSpawner.cloud_" in text) is (make is first_sections)


def test_the_network() -> None:
    assert spawner(sections(userserver_net="private"))["networks"] == ["private"]
    assert spawner(first_sections(machine_net="noo"))["networks"] == ["noo"]
    assert "networks" not in spawner(sections(userserver_net=None))


def test_the_key_pair() -> None:
    base = first_sections()["LibcloudSpawner"]["libcloudparams"]
    found = first_sections(libcloudparams={**base, "ex_keyname": "tristanlt"})
    assert spawner(found)["key"] == "tristanlt"
    assert "ex_keyname" not in target(found)["options"]
    assert spawner(sections(userserver_keyname="sysadmin"))["key"] == "sysadmin"
    # The default of 2.3.3, which fails there.
    assert "key" not in spawner(sections(userserver_keyname=False))


# --- the server ----------------------------------------------------------------------------------


def test_forceuser_is_the_account() -> None:
    assert spawner(sections(forceuser="ubuntu"))["account"] == "ubuntu"
    assert "account" not in spawner(sections())


def test_the_port() -> None:
    assert spawner(first_sections())["ports"] == "8000"
    assert spawner(sections())["ports"] == "8000-8999"
    for make in (sections, first_sections):
        for section in ("Spawner", "LibcloudSpawner"):
            found = make()
            found.setdefault(section, {})["port"] = 8666
            assert spawner(found)["ports"] == "8666"
    assert "is no port" in left({**sections(), "Spawner": {"port": 70000}})


def test_arguments_are_those_of_both_options_split_and_translated() -> None:
    found = first_sections(notebookargs="--notebook-dir=~ '--A.b=c d'")
    found["Spawner"] = {"args": ["", "--debug --x"]}
    assert spawner(found)["args"] == ["--debug", "--x", "--A.b=c d"]
    assert spawner(found)["notebook_dir"] == "~"
    assert "cannot be split" in left(first_sections(notebookargs="--a '"))


def test_the_whole_environment_reaches_the_server() -> None:
    found = sections()
    found["Spawner"] = {"environment": {"DATA": "/data", "JUPYTER_X": "1"}}
    assert spawner(found)["environment"] == {"DATA": "/data", "JUPYTER_X": "1"}


def test_other_traits_of_jupyterhub_are_kept_but_those_that_never_reached_a_machine() -> None:
    found = sections(mem_limit="2G")
    found["Spawner"] = {"start_timeout": 600, "cmd": ["/opt/hub/bin/single"], "ip": "0.0.0.0"}
    traits = spawner(found)
    assert traits["start_timeout"] == 600
    assert traits["mem_limit"] == "2G"
    assert traits["cmd"] == ["jupyterhub-singleuser"]
    assert "ip" not in traits
    assert "Spawner.cmd is left out" in told(found)
    assert "Spawner.ip is left out" in told(found)


def test_what_a_section_says_wins_over_c_spawner() -> None:
    found = sections(start_timeout=90)
    found["Spawner"] = {"start_timeout": 600}
    assert spawner(found)["start_timeout"] == 90


# --- templates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "example_userdata_from_scratch",
        "example_userdata_from_scratch.yaml.j2",
        "example_userdata_from_vanilla_cloudimage",
        "example_userdata_from_vanilla_cloudimage.yaml.j2",
    ],
)
@pytest.mark.parametrize("make", [sections, first_sections])
def test_the_shipped_templates_that_install_are_there(make: Any, name: str) -> None:
    traits = spawner(make(userdata_template_name=name))
    assert traits["configurer"] == "cloud-init"
    assert traits["userdata_module"] == "jupyterhub_anywhere.compat"
    assert traits["userdata_name"] == name.split(".", maxsplit=1)[0] + ".yaml.j2"
    assert traits["install"]["enabled"] is True
    assert traits["make_account"] is True
    assert traits["ports"] == "8000"


def test_the_plain_shipped_template_is_what_the_agent_does_anyway() -> None:
    for name in ("userdata.sh.j2", "userdata", None):
        traits = spawner(sections(userdata_template_name=name))
        assert "configurer" not in traits
        assert traits["make_account"] is True


def test_a_template_of_no_name_is_refused() -> None:
    text = left(sections(userdata_template_name="userdatas.sh.j2"))
    assert "no such template" in text
    assert "example_userdata_from_scratch.yaml.j2" in text


def test_a_template_of_ones_own_has_no_equal_in_a_file() -> None:
    text = left(sections(userdata_template_module="acme", userdata_template_name="a.yaml.j2"))
    assert "LibcloudSpawner.userdata_template_module = 'acme'" in text
    assert "jupyterhub_anywhere.compat.LibcloudSpawner" in text


def test_the_section_that_its_guide_misprints_counts() -> None:
    found = sections()
    found["spawner_conf"] = {"userdata_template_name": "example_userdata_from_scratch.yaml.j2"}
    assert spawner(found)["configurer"] == "cloud-init"
    assert "spawner_conf.userdata_template_name counts now" in told(found)


# --- what has no equal ---------------------------------------------------------------------------


def test_statsd_has_no_equal_in_a_file() -> None:
    text = left(first_sections(statsdparams={"host": "s", "port": 8125, "prefix": "p"}))
    assert "LibcloudSpawner.statsdparams" in text
    assert "/hub/metrics" in text


def test_a_form_of_ones_own_has_no_equal_in_a_file() -> None:
    assert "LibcloudSpawner.options_form" in left(sections(options_form="<input>"))


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("libcloud_driver_params", "x", "no dict"),
        ("userserver_net", 5, "no text"),
        ("forceuser", ["a"], "no text"),
        ("args", 5, "no list of texts"),
        ("statsdparams", "host", "no dict"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(option: str, value: Any, word: str) -> None:
    text = left(sections(**{option: value}))
    assert f"LibcloudSpawner.{option}" in text
    assert word in text


def test_what_was_never_an_option_is_left_out() -> None:
    found = sections(userserverid="x")
    assert "userserverid" not in spawner(found)
    assert "LibcloudSpawner.userserverid was never an option" in told(found)


def test_lines_of_both_generations_in_one_file_are_read_as_2() -> None:
    found = sections(machine_net="old", notebookargs="--debug")
    assert spawner(found)["networks"] == ["private"]
    assert spawner(found)["args"] == ["--debug"]
    assert "LibcloudSpawner.machine_net does not" in told(found)


# --- the hub -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hub", "address"),
    [
        ({"hub_connect_url": "http://10.42.0.92:8081"}, "http://10.42.0.92:8081"),
        ({"hub_bind_url": "http://10.42.0.92:8088/hub/"}, "http://10.42.0.92:8088"),
        ({"hub_bind_url": "http://:8088"}, "http://hub.lab:8088"),
        ({"hub_ip": "10.0.0.1"}, "http://10.0.0.1:8081"),
        ({"hub_ip": "10.0.0.1", "hub_port": 9}, "http://10.0.0.1:9"),
        ({"hub_ip": "0.0.0.0"}, "http://hub.lab:8081"),
        ({"hub_ip": "0.0.0.0", "hub_connect_ip": "10.0.0.7"}, "http://10.0.0.7:8081"),
        ({"hub_ip": "10.0.0.1", "internal_ssl": True}, "https://10.0.0.1:8081"),
        ({"hub_bind_url": "https://[fd00::1]:8088"}, "https://[fd00::1]:8088"),
        ({}, ""),
        ({"hub_ip": "127.0.0.1"}, ""),
        ({"hub_bind_url": "http://localhost:8081"}, ""),
        ({"hub_connect_url": "http://10.0.0.1:x"}, ""),
    ],
)
def test_the_address_of_the_hub_is_the_one_that_jupyterhub_tells(
    hub: dict[str, Any], address: str
) -> None:
    assert hub_address(hub, "hub.lab")[0] == address


def test_plain_http_is_accepted_with_one_warning() -> None:
    done = declare(gather(sections()), ("http://10.0.0.1:8081", "hub_ip"))
    assert done.left == []
    assert done.data["targets"]["cloud"]["insecure"] is True
    assert sum("plain http" in text for text in done.told) == 1
    assert "insecure" not in target(sections())


def test_a_hub_that_no_machine_reaches_is_told() -> None:
    done = declare(gather(sections()), ("", "hub_ip"))
    assert "JupyterHub.hub_ip" in str(done.left[0])
    assert "hub_bind_url" in str(done.left[0])


NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-_ ", min_size=1, max_size=12)


@given(
    images=st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=4),
    sizes=st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=4),
    net=NAMES,
)
def test_both_generations_say_the_same_under_their_names(
    images: list[tuple[str, str]], sizes: list[tuple[str, str]], net: str
) -> None:
    new = sections(userserver_images=images, userserver_sizes=sizes, userserver_net=net)
    old = first_sections(machine_images=images, machine_sizes=sizes, machine_net=net)
    for ours, theirs in zip(options(new).values(), options(old).values(), strict=True):
        assert ours["choices"] == theirs["choices"]
        assert list(ours["choices"]) == list(
            dict.fromkeys(
                name
                for _, name in (images, sizes)[0 if ours["sets"] == {"image": "{value}"} else 1]
            )
        )
    assert spawner(new)["networks"] == spawner(old)["networks"]
