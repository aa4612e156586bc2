"""Arguments of the NotebookApp era mean today what they meant, and a note says what changed."""

from __future__ import annotations

import pytest

from jupyterhub_anywhere.importers.notebook_args import split, translate


def test_the_folder_is_a_trait_of_its_own_whatever_its_spelling() -> None:
    for text in (
        "--notebook-dir=~",
        "--notebook-dir ~",
        "--NotebookApp.notebook_dir=~",
        "--SingleUserNotebookApp.notebook_dir '~'",
        "--NotebookApp.root_dir=~",
    ):
        found = translate(split([text]))
        assert (found.notebook_dir, found.args) == ("~", []), text
        assert len(found.notes) == 1


def test_the_first_page_is_a_trait_of_its_own() -> None:
    found = translate(split(["--NotebookApp.default_url=/lab --debug"]))
    assert found.default_url == "/lab"
    assert found.args == ["--debug"]


def test_traits_of_notebookapp_are_traits_of_serverapp() -> None:
    found = translate(
        ["--NotebookApp.iopub_data_rate_limit=1e9", "--NotebookApp.tornado_settings={}"]
    )
    assert found.args == [
        "--ServerApp.iopub_data_rate_limit=1e9",
        "--ServerApp.tornado_settings={}",
    ]
    assert translate(["--NotebookApp.nbserver_extensions={}"]).args == [
        "--ServerApp.jpserver_extensions={}"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "--no-browser",
        "--allow-root",
        "--ip=0.0.0.0",
        "--ip 0.0.0.0",
        "--port=8000",
        "--port 8000",
        "--NotebookApp.token=''",
        "--NotebookApp.password=",
        "--NotebookApp.port=9000",
        "--user=ann --cookie-name=x --base-url=/user/ann --hub-prefix=/hub/ --hub-api-url=http://h",
    ],
)
def test_what_the_hub_or_the_agent_says_is_left_out_with_words(text: str) -> None:
    found = translate(split([f"{text} --debug"]))
    assert found.args == ["--debug"]
    assert found.notes
    assert all("left out: " in note for note in found.notes)


def test_all_else_is_passed_on_as_it_is() -> None:
    given = ["--debug", "--LabApp.collaborative=True", "--config=/etc/x.py", "--ServerApp.a=b", "x"]
    found = translate(given)
    assert found.args == given
    assert found.notes == []


def test_a_value_that_is_missing_takes_nothing_that_follows() -> None:
    found = translate(["--port", "--debug"])
    assert found.args == ["--debug"]


def test_texts_are_split_as_a_shell_would() -> None:
    assert split(["--a 'b c'", '--d="e f"', ""]) == ["--a", "b c", "--d=e f"]


def test_an_open_quotation_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="--a 'b"):
        split(["--a 'b"])
