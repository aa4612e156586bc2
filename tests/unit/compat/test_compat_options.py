"""Options of a start in the old writing, as a choice."""

from __future__ import annotations

from typing import Any

import pytest

from jupyterhub_anywhere.catalog.choice import Who
from jupyterhub_anywhere.compat.options import OldCatalog, Rules, from_form, is_old, to_choice
from jupyterhub_anywhere.config.models import Config
from jupyterhub_anywhere.core.errors import ChoiceError
from jupyterhub_anywhere.importers.libcloud_options import gather
from jupyterhub_anywhere.importers.libcloud_site import declare

RULES = Rules(env=("COURSE_*",), argv=("--debug",), form=True)
PLAIN = Rules()
OLD = Rules("machineimage", "machinesize")
ANN = Who("ann")


def catalog(rules: Rules) -> OldCatalog:
    names = (
        ("machine", "libcloudparams")
        if rules.image == "machineimage"
        else ("userserver", "libcloud_driver_params")
    )
    section = {
        f"{names[0]}_images": [("Lab", "lab-24"), ("R", "r-24")],
        f"{names[0]}_sizes": [("Small", "s1"), ("Big", "s8")],
        names[1]: {"arg_user_id": "a", "arg_key": "b", "ex_force_auth_url": "https://k"},
    }
    data = declare(gather({"LibcloudSpawner": section}), ("https://h:1", "hub_ip")).data
    if rules.child:
        data["profiles"]["machine"]["form"] = "child"
    return OldCatalog(Config.model_validate(data), rules)


@pytest.mark.parametrize("rules", [PLAIN, OLD])
@pytest.mark.parametrize(
    "sent",
    [
        {"userserver_image": "r-24", "userserver_size": "s8"},
        {"machineimage": "r-24", "machinesize": "s8"},
    ],
)
def test_both_writings_are_the_same_choice(rules: Rules, sent: dict[str, str]) -> None:
    choice = catalog(rules).resolve(sent, ANN)
    assert dict(choice.options) == {rules.image: "r-24", rules.size: "s8"}
    assert (choice.profile, choice.target, choice.child) == ("machine", "cloud", None)
    # What is stored is found again, and so is what a hub of before had stored.
    assert catalog(rules).resolve(choice.to_user_options(), ANN) == choice
    assert catalog(rules).check_last(sent, ANN) == (choice, "")


def test_our_own_writing_is_no_old_one() -> None:
    assert not is_old({"profile": "machine", "env": {}})
    assert not is_old({"anything": 1})
    assert not is_old(None)
    assert is_old({"argv": []})


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"userserver_image": "other"}, "options.userserver_image"),
        ({"userserver_image": ""}, "options.userserver_image"),
        ({"userserver_image": ["lab-24"]}, "options.userserver_image"),
        ({"userserver_size": {"a": 1}}, "options.userserver_size"),
        ({"userserver_size": "s1", "network": "x"}, ""),
        ({"userserver_size": "s1", "user_options_from_form": {"a": "b"}}, "user_options_from_form"),
        ({"userserver_size": "s1", "env": {"A": "b"}}, "env.A"),
        ({"userserver_size": "s1", "argv": ["--x"]}, "argv"),
    ],
)
def test_what_is_not_offered_is_refused_by_its_field(sent: dict[str, Any], field: str) -> None:
    with pytest.raises(ChoiceError) as told:
        catalog(PLAIN).resolve(sent, ANN)
    assert list(told.value.errors) == [field]


def test_fields_of_a_form_of_ones_own_reach_the_child_with_image_and_size() -> None:
    sent = {"userserver_image": "r-24", "course": "maths", "gpu": ["1"]}
    choice = catalog(RULES).resolve(sent, ANN)
    assert choice.child == {
        "user_options_from_form": {"userserver_image": ["r-24"], "course": ["maths"], "gpu": ["1"]}
    }
    nested = {"userserver_image": "r-24", "user_options_from_form": {"course": ["maths"]}}
    assert catalog(RULES).resolve(nested, ANN).child == {
        "user_options_from_form": {"userserver_image": ["r-24"], "course": ["maths"]}
    }


def test_a_child_part_of_our_own_writing_is_checked_as_well() -> None:
    for child, field in (
        ({"env": {"LD_PRELOAD": "/x"}}, "env.LD_PRELOAD"),
        ({"argv": ["--other"]}, "argv"),
        ({"user_options_from_form": {"a": "b; reboot"}}, "child.a"),
        ({"anything": 1}, "child"),
    ):
        raw = {"profile": "machine", "target": "cloud", "child": child}
        with pytest.raises(ChoiceError) as told:
            catalog(RULES).resolve(raw, ANN)
        assert list(told.value.errors) == [field]


def test_allowed_variables_and_arguments_are_in_the_choice() -> None:
    sent = {"env": {"COURSE_A": "b"}, "argv": ["--debug"], "userserver_image": "lab-24"}
    child = catalog(RULES).resolve(sent, ANN).child
    assert child is not None
    assert child["env"] == {"COURSE_A": "b"}
    assert child["argv"] == ["--debug"]


def test_a_form_of_old_is_read_and_ours_is_not() -> None:
    form = {"userserver_image": ["lab-24"], "userserver_size": ["s1"], "_xsrf": ["secret"]}
    assert from_form(form, PLAIN) == {"userserver_image": "lab-24", "userserver_size": "s1"}
    assert from_form({"menu:profile": ["machine"], "opt:machine:x": ["y"]}, PLAIN) is None
    assert from_form({}, PLAIN) is None
    found = from_form({**form, "course": ["maths"], "upload_file": [object()]}, RULES)
    assert found is not None
    assert found["user_options_from_form"] == {
        "userserver_image": ["lab-24"],
        "userserver_size": ["s1"],
        "course": ["maths"],
    }
    # Nobody sets variables by a field of that name.
    assert from_form({**form, "env": ["X=1"]}, PLAIN) == from_form(form, PLAIN)


def test_fields_that_are_no_object_are_refused() -> None:
    with pytest.raises(ChoiceError):
        to_choice({"userserver_image": "x", "user_options_from_form": ["a"]}, RULES)
