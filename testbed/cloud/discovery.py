"""What Entra tells a client before anybody signs in: its endpoints, the clouds and their names, the user's realm."""

from __future__ import annotations

from urllib.parse import urlsplit

from testbed.cloud.issuer import NO_TENANT_IN_PARTICULAR, find_tenant
from testbed.cloud.refusals import EntraError
from testbed.cloud.web import Reply, Request, json_reply
from testbed.directory import user_named

_CLOUDS = {
    "login.microsoftonline.com": (
        "login.windows.net",
        ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"),
    ),
    "login.partner.microsoftonline.cn": (
        "login.partner.microsoftonline.cn",
        ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
    ),
    "login.microsoftonline.us": (
        "login.microsoftonline.us",
        ("login.microsoftonline.us", "login.usgovcloudapi.net"),
    ),
}
"""Each cloud by its preferred network name: its preferred cache name and its aliases, as instance discovery tells."""
_CIAM = "contoso.ciamlogin.com"
HOSTS = (*(alias for _, aliases in _CLOUDS.values() for alias in aliases), _CIAM)
_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"


def configuration(host: str, tenant: str, version: str, tenant_ids: bool) -> Reply:
    """The OpenID configuration of one tenant.

    :param version: `/v2.0`, or empty for the first version.
    :param tenant_ids: whatever the tenant is asked for by, its ID is in the answer's addresses.
    """
    if tenant in NO_TENANT_IN_PARTICULAR:
        path, tenant_id = tenant, "{tenantid}"
    elif tenant == "consumers":
        path = tenant_id = _CONSUMERS
    else:
        tenant_id = find_tenant(tenant).tenant_id
        path = tenant_id if tenant_ids else tenant
    base, oauth = f"https://{host}/{path}", f"https://{host}/{path}/oauth2{version}"
    return json_reply(
        {
            "token_endpoint": f"{oauth}/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{base}/discovery{version}/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": f"https://{host}/{tenant_id}/v2.0" if version else f"https://sts.windows.net/{tenant_id}/",
            "request_uri_parameter_supported": False,
            "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
            "authorization_endpoint": f"{oauth}/authorize",
            "device_authorization_endpoint": f"{oauth}/devicecode",
            "http_logout_supported": True,
            "frontchannel_logout_supported": True,
            "end_session_endpoint": f"{oauth}/logout",
            "claims_supported": [
                "sub",
                "iss",
                "aud",
                "exp",
                "iat",
                "nonce",
                "name",
                "oid",
                "tid",
                "preferred_username",
            ],
            "tenant_region_scope": None if tenant_id == "{tenantid}" else "EU",
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": "graph.microsoft.com",
            "rbac_url": "https://pas.windows.net",
        }
    )


def instances(request: Request) -> Reply:
    """Which names belong to the same cloud.

    :raises EntraError: the authority that is asked about is none of Microsoft's.
    """
    asked = urlsplit(request.query.get("authorization_endpoint", ""))
    if asked.hostname not in HOSTS:
        raise EntraError(50049)
    tenant = asked.path.strip("/").split("/")[0] or "common"
    return json_reply(
        {
            "tenant_discovery_endpoint": f"https://{asked.hostname}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": request.query.get("api-version", "1.1"),
            "metadata": [
                {"preferred_network": network, "preferred_cache": cache, "aliases": list(aliases)}
                for network, (cache, aliases) in _CLOUDS.items()
            ],
        }
    )


def user_realm(username: str) -> Reply:
    """Who signs this user in: Entra itself, for everybody whom it knows."""
    user = user_named(username)
    if user is None:
        return json_reply({"ver": "1.0", "account_type": "Unknown", "cloud_instance_name": "microsoftonline.com"})
    return json_reply(
        {
            "ver": "1.0",
            "account_type": "Managed",
            "domain_name": user.username.partition("@")[2],
            "cloud_instance_name": "microsoftonline.com",
            "cloud_audience_urn": "urn:federation:MicrosoftOnline",
        }
    )
