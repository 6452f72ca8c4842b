"""Who a session is. Apart from the log-in's views, since the framework loads this while it loads itself."""

from rest_framework import authentication
from rest_framework.request import Request


class SessionAuthentication(authentication.SessionAuthentication):
    """Django's session with its CSRF check, and a 401 (not 403) for a request without one."""

    def authenticate_header(self, request: Request) -> str:
        return "Session"
