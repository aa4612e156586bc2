"""``anywhere render``: what is made elsewhere, as files to read, to compare and to apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from jupyterhub_anywhere.cli.output import answer, tell
from jupyterhub_anywhere.cli.prepare_options import wish_of, wish_options
from jupyterhub_anywhere.cli.session import session_options


@click.group()
def render() -> None:
    """Write deployment files; nothing is asked and nothing is made."""


@render.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    required=True,
    help="Where the files are written.",
)
@click.option("--auth-url", required=True, metavar="URL", help="The identity service.")
@click.option("--region", default="RegionOne", show_default=True, help="The region.")
@click.option(
    "--credential-id",
    default="",
    metavar="ID",
    help="The id of the application credential; its secret goes into a file by hand.",
)
@click.option(
    "--private-address",
    required=True,
    metavar="ADDRESS",
    help="Where users' servers reach the hub.",
)
@click.option(
    "--public-address",
    default="",
    metavar="ADDRESS",
    help="Where people reach the hub. Default: the private one.",
)
@wish_options
@session_options
def cloud(  # noqa: PLR0913 - one parameter an option, as click wants it
    *,
    out: Path,
    auth_url: str,
    region: str,
    credential_id: str,
    private_address: str,
    public_address: str,
    **options: Any,
) -> None:
    """Write what `anywhere prepare openstack` makes, as files.

    The user-data of the hub's machine and of one that becomes an image, the rules of the security
    groups (a table, and calls of the openstack command), anywhere.yaml with a certificate, and the
    script that hands all of it over.
    """
    from datetime import UTC, datetime

    from jupyterhub_anywhere.prepare import output
    from jupyterhub_anywhere.prepare.image import builder_script
    from jupyterhub_anywhere.prepare.limits import Flavor
    from jupyterhub_anywhere.prepare.site import SECRET, Place, hub_userdata

    wish = wish_of(options)
    if not wish.flavors:
        raise click.UsageError("Name the sizes that users may choose, with --flavor NAME.")
    given = wish.given or (credential_id or "CREDENTIAL-ID", "")
    place = Place(
        private=private_address,
        public=public_address or private_address,
        auth_url=auth_url,
        region=region,
        credential=given[0],
        network=wish.network.name,
        flavors=[Flavor(name, name, 0, 0, 0) for name in wish.flavors],
    )
    files = output.hub_files(wish, place, given[1], datetime.now(UTC), out)
    files.update(output.delivery(wish, place, []))
    files |= {
        "rules.md": output.rules_page(wish),
        "rules.sh": output.rules_script(wish),
        "hub-userdata.sh": hub_userdata(wish, place, "hub"),
        "image-userdata.sh": builder_script("image", wish.install, wish.image.packages),
    }
    for name in output.write_files(out, files, programs=["deliver"]):
        tell(f"{out / name} is yours and stays; {out / name}.new is what it would be now.")
    answer(f"{out}: {', '.join(sorted(files))}")
    if not given[1]:
        secret = out / output.FILES / SECRET
        tell(f"Write the secret of the application credential into {secret}, mode 0600.")
