"""Configurations in the style of both generations of LibcloudSpawner."""

from __future__ import annotations

from typing import Any, Final

# As its first guide prints it, with another host.
PRINTED: Final = """\
c.LibcloudSpawner.cloud_url = "https://cloud.example.org/keystone/v3/auth/tokens"
c.LibcloudSpawner.cloud_user = "lops-jupyter"
c.LibcloudSpawner.cloud_userpassword = "snip-snip"
c.LibcloudSpawner.cloud_project = "noo-lops-jupyter"
c.LibcloudSpawner.machine_sizes = [("1vcpu 2Go RAM", "m1.small"),
       ("4vcpu 8Go RAM", "m1.large"),
       ("2vcpu 32Go RAM", "2c.bigmem"),
       ("8vcpu 32Go RAM", "8c.bigmem"),
       ("4vcpu 64Go RAM", "4c.extramem"),]
c.LibcloudSpawner.machine_images = [("Default image","noo33u16-station-jpy-python")]
c.LibcloudSpawner.machine_net = "noo-net-33"
c.LibcloudSpawner.cloud_region = "RegionOne"
c.LibcloudSpawner.libcloudparams = {"arg_user_id": "lops-jupyter",
                                   "arg_key": "therisnothinghere",
                                   "ex_force_auth_version": "3.x_password",
                                   "ex_force_auth_url": "https://cloud.example.org/keystone/v3/auth/tokens",
                                   "ex_force_service_region": "RegionOne",
                                   "ex_tenant_name": "noo-lops-jupyter",
                                   "ex_domain_name": "default",
                                   "ex_keyname": "tristanlt"}
c.LibcloudSpawner.notebookargs = "--notebook-dir=~"
"""
FIRST: Final = f"""
c.JupyterHub.spawner_class = 'libcloudspawner.spawner.LibcloudSpawner'
c.JupyterHub.hub_ip = '10.0.0.1'
{PRINTED}"""
# In the style of the pages of 2.x.
SECOND: Final = """
c.JupyterHub.base_url = '/'
c.JupyterHub.bind_url = 'http://:8000'
c.JupyterHub.hub_bind_url = 'http://10.42.0.92:8081'
c.JupyterHub.hub_connect_url = 'http://10.42.0.92:8081'
c.JupyterHub.hub_ip = '10.42.0.92'
c.JupyterHub.hub_port = 8081
c.JupyterHub.spawner_class = 'libcloudspawner.spawner.LibcloudSpawner'
c.Spawner.start_timeout = 600
c.Spawner.http_timeout = 60
c.Spawner.port = 8666
c.Spawner.args = ['']
c.Spawner.environment = {"DATA": "/data", "JUPYTER_X": "1"}
c.LibcloudSpawner.libcloud_driver_params = {"arg_user_id": "78648b209db34ed7a60724c69c234ae2",
                                   "arg_key": "secret-of-the-credential",
                                   "ex_force_auth_version": "3.x_appcred",
                                   "ex_force_auth_url": "https://cloud.example.org:5000",
                                   "ex_force_service_region": "RegionOne",
                                   "ex_tenant_name": "myproject",
                                   "ex_domain_name": "default",
                                   "verify_ssl_cert": False}
c.LibcloudSpawner.userserver_net = "private-net"
c.LibcloudSpawner.userserver_sizes = [("1vcpu 2Go RAM", "m1.small"),
                                      ("4vcpu 64Go RAM", "4c.extramem"),]
c.LibcloudSpawner.userserver_images = [("Default image","noo33u16-station-jpy-python")]
c.LibcloudSpawner.userserver_keyname= "sysadmin"
c.LibcloudSpawner.forceuser = "ubuntu"
"""

Sections = dict[str, dict[str, Any]]


def sections(**more: Any) -> Sections:
    """The least of 2.x, with more options of the section LibcloudSpawner; None takes one out."""
    section = {
        "userserver_sizes": [("Small", "s1")],
        "userserver_images": [("Lab", "lab-24")],
        "userserver_net": "private",
        "libcloud_driver_params": {
            "arg_user_id": "id",
            "arg_key": "secret",
            "ex_force_auth_version": "3.x_appcred",
            "ex_force_auth_url": "https://cloud.example.org:5000",
        },
    }
    whole = {**section, **more}
    return {"LibcloudSpawner": {name: v for name, v in whole.items() if v is not None}}


def first_sections(**more: Any) -> Sections:
    """The least of 1.x, with more options; None takes one out."""
    section = {
        "machine_sizes": [("Small", "s1")],
        "machine_images": [("Lab", "lab-16")],
        "machine_net": "private",
        "libcloudparams": {
            "arg_user_id": "id",
            "arg_key": "secret",
            "ex_force_auth_version": "3.x_password",
            "ex_force_auth_url": "https://cloud.example.org:5000",
        },
    }
    whole = {**section, **more}
    return {"LibcloudSpawner": {name: v for name, v in whole.items() if v is not None}}
