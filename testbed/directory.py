"""The people, tenants and subscriptions that the stand-ins know."""

from __future__ import annotations

from dataclasses import dataclass

DEVICE_ID = "d3a1c0de-0000-4000-8000-00000000d3a1"
"""The stand-in Windows device, as it appears in every brokered token's ``deviceid`` claim."""


@dataclass(frozen=True)
class Tenant:
    tenant_id: str
    domain: str
    display_name: str


@dataclass(frozen=True)
class Membership:
    """A user's presence in one tenant: at home, or as a guest with an object ID of its own."""

    tenant_id: str
    object_id: str


@dataclass(frozen=True)
class User:
    username: str
    given_name: str
    family_name: str
    home: Membership
    guest_in: tuple[Membership, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"

    @property
    def home_account_id(self) -> str:
        return f"{self.home.object_id}.{self.home.tenant_id}"

    def membership(self, tenant_id: str) -> Membership | None:
        return next((m for m in (self.home, *self.guest_in) if m.tenant_id == tenant_id), None)


@dataclass(frozen=True)
class Subscription:
    subscription_id: str
    name: str
    tenant_id: str


CONTOSO = Tenant("c0000000-0000-4000-8000-000000000001", "contoso.com", "Contoso")
FABRIKAM = Tenant("f0000000-0000-4000-8000-000000000002", "fabrikam.com", "Fabrikam")
TENANTS = (CONTOSO, FABRIKAM)

ADA = User(
    "ada@contoso.com",
    "Ada",
    "Lovelace",
    Membership(CONTOSO.tenant_id, "a0000000-0000-4000-8000-0000000000a1"),
    guest_in=(Membership(FABRIKAM.tenant_id, "a0000000-0000-4000-8000-0000000000a2"),),
)
GRACE = User(
    "grace@contoso.com", "Grace", "Hopper", Membership(CONTOSO.tenant_id, "a0000000-0000-4000-8000-0000000000b1")
)
KATHERINE = User(
    "katherine@fabrikam.com",
    "Katherine",
    "Johnson",
    Membership(FABRIKAM.tenant_id, "a0000000-0000-4000-8000-0000000000c1"),
)
USERS = (ADA, GRACE, KATHERINE)

SUBSCRIPTIONS = (
    Subscription("50000000-0000-4000-8000-000000000001", "Contoso Production", CONTOSO.tenant_id),
    Subscription("50000000-0000-4000-8000-000000000002", "Contoso Development", CONTOSO.tenant_id),
    Subscription("50000000-0000-4000-8000-000000000003", "Fabrikam Shared", FABRIKAM.tenant_id),
)
"""Members and guests of a tenant can read all of its subscriptions."""


def user_named(username: str) -> User | None:
    return next((u for u in USERS if u.username.lower() == username.lower()), None)


def tenant_named(name: str) -> Tenant | None:
    """The tenant with this ID or verified domain."""
    return next((t for t in TENANTS if name.lower() in (t.tenant_id, t.domain)), None)
