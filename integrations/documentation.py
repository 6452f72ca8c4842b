"""How the OpenAPI document describes keys, and under which heading it lists them."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

TAGS = ["integrations"]


def _header(name: str, description: str) -> dict[str, str]:
    return {"type": "apiKey", "in": "header", "name": name, "description": description}


SCHEMES = {
    "apiKey": _header("X-API-Key", "The key of an active integration."),
    "apiSecret": _header("X-API-Secret", "The secret that belongs to the key."),
    "apiBasic": {"type": "http", "scheme": "basic", "description": "The key as user name, the secret as password."},
    "apiTimestamp": _header("X-API-Timestamp", "Unix seconds; at most 300 off."),
    "apiSignature": _header(
        "X-API-Signature",
        "In place of the secret: hex HMAC-SHA256, keyed with the secret's text, of four lines: the timestamp, the"
        " METHOD, path?query, and the hex SHA-256 of the body. Passes once.",
    ),
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # drf-spectacular is half typed
    """Key and secret in headers, or as HTTP Basic, or a signature in place of the secret."""

    target_class = "integrations.authentication.ApiKeyAuthentication"
    name = list(SCHEMES)

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        ways = (("apiKey", "apiSecret"), ("apiBasic",), ("apiKey", "apiTimestamp", "apiSignature"))
        return [{name: [] for name in way} for way in ways]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return list(SCHEMES.values())
