"""List the subscriptions of whoever is signed in to Windows."""

from azure.mgmt.resource.subscriptions import SubscriptionClient

from azext_brokerauth import BrokerCredential

with BrokerCredential() as credential, SubscriptionClient(credential) as client:
    for subscription in client.subscriptions.list():
        print(subscription.subscription_id, subscription.display_name)
