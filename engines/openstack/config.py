"""The services' settings: pure text, and one function that writes it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from engines.openstack import layout as at

if TYPE_CHECKING:
    from pathlib import Path

    from engines.openstack.layout import Layout

Values = dict[str, str | int | float | bool]
Sections = dict[str, Values]

_TRANSPORT: Final = f"rabbit://guest:guest@127.0.0.1:{at.RABBIT}/"
# What the services' accounts say to the identity service.
_ACCOUNT: Final[Values] = {
    "auth_url": at.AUTH_URL,
    "auth_type": "password",
    "username": "svc",
    "password": at.PASSWORD,
    "project_name": "service",
    "user_domain_id": "default",
    "project_domain_id": "default",
}
_CLIENT: Final[Values] = {
    **_ACCOUNT,
    "region_name": at.REGION,
    "valid_interfaces": "public",
}
_TOKENS: Final[Values] = {
    **_ACCOUNT,
    "www_authenticate_uri": at.AUTH_URL,
    "service_token_roles": "service",
    "service_token_roles_required": True,
}
_UNLIMITED: Final = ("instances", "cores", "ram", "key_pairs", "server_groups", "metadata_items")
_NETWORK_QUOTAS: Final = (
    *("network", "subnet", "port", "router", "floatingip"),
    *("security_group", "security_group_rule"),
)


def text(sections: Sections) -> str:
    """Settings as oslo.config reads them."""
    lines: list[str] = []
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {value}" for key, value in values.items()), ""]
    return "\n".join(lines)


def keystone(layout: Layout) -> Sections:
    """The identity service."""
    keys = layout.var / "keystone"
    return {
        "DEFAULT": {"log_file": f"{layout.log}/keystone.log"},
        "database": {"connection": layout.database("keystone")},
        "token": {"provider": "fernet", "expiration": layout.token_seconds},
        "fernet_tokens": {"key_repository": f"{keys}/fernet-keys"},
        "fernet_receipts": {"key_repository": f"{keys}/fernet-keys"},
        "credential": {"key_repository": f"{keys}/credential-keys"},
        # Passwords are checked often, and guard nothing here.
        "identity": {"password_hash_rounds": 4},
    }


def glance(layout: Layout) -> Sections:
    """The image service."""
    store = layout.var / "glance"
    return {
        "DEFAULT": {
            "log_file": f"{layout.log}/glance.log",
            "enabled_backends": "file:file",
            "enabled_import_methods": "[glance-direct]",
        },
        "database": {"connection": layout.database("glance")},
        "glance_store": {"default_backend": "file"},
        "file": {
            "filesystem_store_datadir": f"{store}/images",
            "filesystem_thin_provisioning": True,
        },
        "os_glance_staging_store": {"filesystem_store_datadir": f"{store}/staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": f"{store}/tasks"},
        "oslo_concurrency": {"lock_path": f"{layout.var}/lock"},
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": f"{layout.services}/etc/glance/glance-api-paste.ini",
        },
        "keystone_authtoken": _TOKENS,
    }


def placement(layout: Layout) -> Sections:
    """The service that counts what hosts have left."""
    return {
        "DEFAULT": {"log_file": f"{layout.log}/placement.log"},
        "placement_database": {"connection": layout.database("placement")},
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": _TOKENS,
    }


def nova(layout: Layout, host: str) -> Sections:
    """The compute service: its API, and the host of a name."""
    state = layout.var / host
    made: Sections = {
        "DEFAULT": {
            "host": host,
            "my_ip": "127.0.0.1",
            "state_path": f"{state}",
            "transport_url": _TRANSPORT,
            "compute_driver": "fake.FakeDriver",
            # Our driver of networks tells nobody when a port is up: nothing has to be waited for.
            "vif_plugging_timeout": 0,
            "vif_plugging_is_fatal": False,
            "reserved_host_memory_mb": 0,
            "ram_allocation_ratio": 8.0,
            "cpu_allocation_ratio": 64.0,
            "disk_allocation_ratio": 100.0,
            "update_resources_interval": 60,
            "sync_power_state_interval": 10,
            "reclaim_instance_interval": 0,
            "max_concurrent_builds": 20,
            "osapi_compute_workers": 1,
            "metadata_workers": 1,
        },
        "api": {"auth_strategy": "keystone", "max_limit": 5000},
        "wsgi": {"api_paste_config": f"{layout.services}/etc/nova/api-paste.ini"},
        "quota": dict.fromkeys(_UNLIMITED, -1),
        "api_database": {"connection": layout.database("nova_api")},
        "database": {"connection": layout.database("nova")},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 30},
        "glance": {"api_servers": f"http://127.0.0.1:{at.GLANCE}"},
        "oslo_concurrency": {"lock_path": f"{layout.var}/lock"},
        "vnc": {"enabled": False},
        "oslo_messaging_rabbit": {"rabbit_quorum_queue": False},
        "keystone_authtoken": _TOKENS,
        "placement": _CLIENT,
        "neutron": _CLIENT,
        # Where somebody starts it, see volumes.py.
        "cinder": {**_CLIENT, "catalog_info": "volumev3::publicURL"},
        "service_user": {**_CLIENT, "send_service_user_token": True},
    }
    made["quota"]["driver"] = "nova.quota.DbQuotaDriver"
    if host == at.REAL_HOST:
        _real(made, layout)
    return made


def _real(made: Sections, layout: Layout) -> None:
    """Let a compute host run guests, emulated: hardware's help may be absent or half there."""
    made["DEFAULT"] |= {
        "compute_driver": "libvirt.LibvirtDriver",
        "force_config_drive": True,
        "instances_path": f"{layout.var}/{at.REAL_HOST}/instances",
    }
    made["libvirt"] = {
        "virt_type": "qemu",
        "connection_uri": layout.libvirt_url,
        "images_type": "qcow2",
        "inject_partition": -2,
        "tb_cache_size": 256,
    }
    made["workarounds"] = {"skip_cpu_compare_on_dest": True}
    # There is no sudo to become root with, nor need of it.
    file = layout.etc / at.REAL_HOST / "nova.conf"
    helper = " ".join(layout.program("privsep-helper", "--config-file", str(file)))
    for section in ("nova_sys_admin", "vif_plug_ovs_privileged", "privsep_osbrick"):
        made[section] = {"helper_command": helper}


def neutron(layout: Layout) -> Sections:
    """The network service: every network is flat, on one bridge; see inside/plainbridge.py."""
    return {
        "DEFAULT": {
            "log_file": f"{layout.log}/neutron.log",
            "state_path": f"{layout.var}/neutron",
            "core_plugin": "ml2",
            "service_plugins": "router",
            "auth_strategy": "keystone",
            "transport_url": _TRANSPORT,
            "api_paste_config": f"{layout.services}/etc/neutron/api-paste.ini",
            "notify_nova_on_port_status_changes": False,
            # Of a floating address, which Nova shows only then.
            "notify_nova_on_port_data_changes": True,
            "dhcp_agent_notification": False,
            "api_workers": 1,
            "rpc_workers": 0,
        },
        "database": {"connection": layout.database("neutron")},
        "oslo_concurrency": {"lock_path": f"{layout.var}/lock"},
        "quotas": {"default_quota": -1, **{f"quota_{name}": -1 for name in _NETWORK_QUOTAS}},
        "ml2": {
            "type_drivers": "flat,local",
            "tenant_network_types": "local",
            "mechanism_drivers": "plainbridge",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "keystone_authtoken": _TOKENS,
        "nova": _CLIENT,
    }


def cinder(layout: Layout, beside: Path) -> Sections:
    """The volume service; its packages are beside those of the others."""
    # By itself it would ask for sudo.
    helper = layout.program("privsep-helper", "--config-file", f"{layout.etc}/cinder/cinder.conf")
    return {
        "DEFAULT": {
            "log_file": f"{layout.log}/cinder.log",
            "state_path": f"{layout.var}/cinder",
            "host": at.REAL_HOST,
            "my_ip": "127.0.0.1",
            "transport_url": _TRANSPORT,
            "auth_strategy": "keystone",
            "api_paste_config": f"{beside}/etc/cinder/api-paste.ini",
            "resource_query_filters_file": f"{beside}/etc/cinder/resource_filters.json",
            "glance_api_servers": f"http://127.0.0.1:{at.GLANCE}",
            "image_conversion_dir": f"{layout.var}/cinder/conversion",
            "enabled_backends": "files",
            **{f"quota_{name}": -1 for name in ("volumes", "snapshots", "gigabytes")},
        },
        "files": {
            "volume_driver": "file_volumes.FileVolumes",
            "volume_backend_name": "files",
        },
        "database": {"connection": layout.database("cinder")},
        "oslo_concurrency": {"lock_path": f"{layout.var}/lock"},
        "oslo_messaging_rabbit": {"rabbit_quorum_queue": False},
        "coordination": {"backend_url": f"file://{layout.var}/cinder"},
        "cinder_sys_admin": {"helper_command": " ".join(helper)},
        "keystone_authtoken": _TOKENS,
        "nova": {**_CLIENT, "interface": "public"},
        "service_user": {**_CLIENT, "send_service_user_token": True},
    }


def write_volumes(layout: Layout, beside: Path) -> None:
    """Write the settings of the volume service, and the folders that they name."""
    path = layout.etc / "cinder/cinder.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(cinder(layout, beside)), "utf-8")
    (layout.var / "cinder/conversion").mkdir(parents=True, exist_ok=True)


def write(layout: Layout) -> None:
    """Write all settings, and the folders that they name."""
    files: dict[str, Sections] = {
        "keystone/keystone.conf": keystone(layout),
        "glance/glance-api.conf": glance(layout),
        "placement/placement.conf": placement(layout),
        "neutron/neutron.conf": neutron(layout),
        **{f"{host}/nova.conf": nova(layout, host) for host in (at.FAKE_HOST, at.REAL_HOST)},
    }
    for name, sections in files.items():
        path = layout.etc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(sections), "utf-8")
    # The API looks for it beside its settings, whatever these say.
    for service, folder in (("nova", at.FAKE_HOST), ("glance", "glance")):
        for ini in (layout.services / "etc" / service).glob("*paste.ini"):
            shutil.copy(ini, layout.etc / folder)
    names = ("glance/images", "glance/staging", "glance/tasks", "keystone", "lock", "neutron")
    hosts = (f"{at.FAKE_HOST}/instances", f"{at.REAL_HOST}/instances")
    for name in (*names, *hosts, "rabbit"):
        (layout.var / name).mkdir(parents=True, exist_ok=True)
    layout.log.mkdir(exist_ok=True)
