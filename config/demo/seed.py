"""Who is in the demo: an administrator, a checker, and a partner with an integration. Safe to run again and again."""

from dataclasses import dataclass

from django.contrib.auth.models import Group, User

from integrations import services
from integrations.models import Integration, IntegrationStatus, IntegrationType

INTEGRATION = "Demo order desk"


@dataclass(frozen=True, slots=True)
class Account:
    """A log-in of the demo; the password is no secret, which is why the demo runs in development only."""

    username: str
    password: str
    purpose: str
    group: str | None = None
    superuser: bool = False

    def keep(self) -> User:
        """Make it, or make it again what it should be: somebody may have changed the password."""
        user, _ = User.objects.get_or_create(username=self.username)
        user.is_superuser = self.superuser
        user.is_staff = self.superuser or self.group is not None
        user.is_active = True
        if not user.check_password(self.password):
            user.set_password(self.password)
        user.save()
        if self.group is not None:
            user.groups.add(Group.objects.get(name=self.group))
        return user


ADMIN = Account("admin", "demo-admin", "everything", superuser=True)
CHECKER = Account("checker", "demo-checker", "operations: authorizes orders", group="Operations")
PARTNER = Account("partner", "demo-partner", "the API, as the owner of the orders")
ACCOUNTS = (ADMIN, CHECKER, PARTNER)


def seed() -> Integration:
    """All accounts, and the partner's active integration with its key and secret."""
    users = {account.username: account.keep() for account in ACCOUNTS}
    owner = users[PARTNER.username]
    integration = Integration.objects.for_user(owner.pk).filter(name=INTEGRATION).first()
    if integration is None:
        # The demo asks for progress several times a second.
        integration = services.create(
            user=owner, name=INTEGRATION, kind=IntegrationType.CUSTOM, rate_per_minute=10_000, rate_per_hour=100_000
        )
    if integration.status != IntegrationStatus.ACTIVE:
        integration = services.activate(integration=integration, actor=users[ADMIN.username])
    return integration
