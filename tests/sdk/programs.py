"""Programs of Azure SDK users, one for each client; run with the name of one, prints what it got as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from typing import Any

STEP_UP = "50000000-0000-4000-8000-000000000002"
"""The subscription whose resource groups need a token with an authentication context."""


def blobs() -> object:
    from azure.storage.blob import BlobServiceClient

    from azext_brokerauth import BrokerCredential

    verify = os.environ["STORAGE_CERTIFICATE"]
    with (
        BrokerCredential() as credential,
        BlobServiceClient(os.environ["STORAGE_URL"], credential, connection_verify=verify) as service,
    ):
        container = service.create_container(f"c{uuid.uuid4().hex}")
        container.upload_blob("greeting.txt", b"hello from WSL")
        return [blob.name for blob in container.list_blobs()], container.download_blob(
            "greeting.txt"
        ).readall().decode()


def blobs_async() -> object:
    from azure.storage.blob.aio import BlobServiceClient

    from azext_brokerauth.aio import BrokerCredential

    async def main() -> object:
        verify = os.environ["STORAGE_CERTIFICATE"]
        async with (
            BrokerCredential() as credential,
            BlobServiceClient(os.environ["STORAGE_URL"], credential, connection_verify=verify) as service,
        ):
            container = await service.create_container(f"c{uuid.uuid4().hex}")
            await container.upload_blob("greeting.txt", b"hello from WSL")
            names = [blob.name async for blob in container.list_blobs()]
            return names, (await (await container.download_blob("greeting.txt")).readall()).decode()

    return asyncio.run(main())


def file_system() -> object:
    """adlfs closes its credential on a loop in a thread, at the very end of the program."""
    os.environ["SSL_CERT_FILE"] = os.environ["STORAGE_CERTIFICATE"]
    from adlfs import AzureBlobFileSystem

    from azext_brokerauth.aio import BrokerCredential

    host = os.environ["STORAGE_URL"].removeprefix("https://")
    files = AzureBlobFileSystem(account_name="devstoreaccount1", account_host=host, credential=BrokerCredential())
    container = f"c{uuid.uuid4().hex}"
    files.mkdir(container)
    files.pipe(f"{container}/greeting.txt", b"hello from WSL")
    return files.ls(container), files.cat(f"{container}/greeting.txt").decode()


def secrets() -> object:
    """One credential for the vaults of two tenants: the vault's challenge names the tenant."""
    from azure.keyvault.secrets import SecretClient

    from azext_brokerauth import BrokerCredential

    values = []
    with BrokerCredential() as credential:
        for name in ("contoso", "fabrikam"):
            with SecretClient(f"https://{name}.vault.azure.net", credential) as client:
                client.set_secret("from-wsl", name)
                values.append(client.get_secret("from-wsl").value)
    return values


def secrets_async() -> object:
    from azure.keyvault.secrets.aio import SecretClient

    from azext_brokerauth.aio import BrokerCredential

    async def main() -> object:
        async with (
            BrokerCredential() as credential,
            SecretClient("https://contoso.vault.azure.net", credential) as client,
        ):
            return (await client.get_secret("greeting")).value

    return asyncio.run(main())


def resource_groups() -> object:
    from azure.mgmt.resource.resources import ResourceManagementClient

    from azext_brokerauth import BrokerCredential

    with BrokerCredential() as credential, ResourceManagementClient(credential, STEP_UP) as client:
        return sorted(group.name for group in client.resource_groups.list())


def revoked() -> object:
    """A token that was good enough is not any more: the client's next call is challenged, and succeeds."""
    import requests
    from azure.mgmt.resource.subscriptions import SubscriptionClient

    from azext_brokerauth import BrokerCredential

    with BrokerCredential() as credential, SubscriptionClient(credential) as client:
        before = sorted(found.display_name for found in client.subscriptions.list())
        requests.post("https://management.azure.com/testbed/require-claims", timeout=10).raise_for_status()
        return sorted(found.display_name for found in client.subscriptions.list()) == before, before


if __name__ == "__main__":
    _program: Any = globals()[sys.argv[1]]
    json.dump(_program(), sys.stdout)
