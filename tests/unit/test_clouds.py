"""Each cloud has its own hosts, and its own Azure Resource Manager."""

import pytest

from azext_brokerauth.clouds import CLOUDS, RESOURCE_TYPES, of_authority
from azext_brokerauth.errors import InvalidInputError
from azext_brokerauth.models import Target
from azext_brokerauth.settings import AZURE_CLI_CLIENT_ID, Settings
from azext_brokerauth.tokens import default_scope


def target(authority):
    return Target(AZURE_CLI_CLIENT_ID, authority, "organizations")


@pytest.mark.parametrize(
    ("authority", "scope"),
    [
        (Settings().authority, "https://management.core.windows.net//.default"),
        ("login.microsoftonline.us", "https://management.core.usgovcloudapi.net//.default"),
        ("login.chinacloudapi.cn", "https://management.core.chinacloudapi.cn//.default"),
        ("login.partner.microsoftonline.cn", "https://management.core.chinacloudapi.cn//.default"),
    ],
)
def test_the_default_scope_is_that_of_the_authoritys_own_cloud(authority, scope):
    assert default_scope(target(authority)) == scope


def test_an_authority_that_is_in_no_cloud_needs_a_scope_and_says_so():
    with pytest.raises(InvalidInputError, match=r"login\.contoso\.example") as caught:
        default_scope(target("login.contoso.example"))
    assert caught.value.remedies


def test_no_host_is_in_two_clouds():
    hosts = [host for cloud in CLOUDS for host in cloud.authorities]
    assert len(hosts) == len(set(hosts))
    assert all(of_authority(host) for host in hosts)


def test_each_cloud_has_the_resource_that_its_default_scope_is_for():
    for cloud in CLOUDS:
        assert f"{cloud.resource('arm')}/.default" == cloud.arm_scope
        assert all(cloud.resource(kind) for kind in RESOURCE_TYPES if kind != "data-lake")
