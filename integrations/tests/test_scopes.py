import pytest

from integrations import scopes
from integrations.models import IntegrationType


def test_every_type_has_defaults_and_every_default_is_a_scope() -> None:
    assert set(scopes.DEFAULTS) == set(IntegrationType.values)
    assert {scope for granted in scopes.DEFAULTS.values() for scope in granted} <= set(scopes.ALL)


@pytest.mark.parametrize(
    ("held", "needed", "permitted"),
    [
        ({"orders:read"}, "orders:read", True),
        ({"orders:write"}, "orders:read", True),
        ({"orders:write"}, "orders:write", True),
        ({"orders:read"}, "orders:write", False),
        ({"orders:write"}, "bulk_orders:read", False),
        ({"bulk_orders:write"}, "orders:write", False),
        ({"payments:write"}, "order_status:write", False),
        (set(), "orders:read", False),
    ],
)
def test_write_implies_read_and_nothing_else(held: set[str], needed: str, permitted: bool) -> None:
    assert scopes.permits(held, needed) is permitted


@pytest.mark.parametrize(
    ("kind", "privileged"), [(kind, kind in {"payment_gateway", "rta"}) for kind in scopes.DEFAULTS]
)
def test_gateways_and_registrars_hold_a_privilege_by_default(kind: str, privileged: bool) -> None:
    assert scopes.holds_privilege(scopes.DEFAULTS[kind]) is privileged
