"""Which pages an account is offered. Pure: roles in, links out; the pages check for themselves."""

from typing import NamedTuple

from ip2a.security.permissions import AUDIT_VIEWS, visible_resources
from ip2a.security.principal import Principal


class Link(NamedTuple):
    """A page in the navigation; `name` marks the current one."""

    name: str
    path: str
    label: str


class Menu(NamedTuple):
    """Links behind one label."""

    label: str
    links: tuple[Link, ...]

    @property
    def names(self) -> frozenset[str]:
        """Of the pages behind it."""
        return frozenset(link.name for link in self.links)


MEMBER = (
    Link("dues", "/my/dues", "My dues"),
    Link("referrals", "/my/referrals", "My referral"),
    Link("documents", "/my/documents", "My documents"),
    Link("certifications", "/my/certifications", "My certificates"),
    Link("grievances", "/my/grievances", "My grievances"),
    Link("benevolence", "/my/benevolence", "Help in need"),
    Link("profile", "/my/profile", "My profile"),
)
APPLICANT = (
    Link("application", "/my/application", "My application"),
    Link("documents", "/my/documents", "My documents"),
)
HOME = Link("home", "/", "Start")
BY_PERMISSION = (
    ("members:read", Link("members", "/office/members", "Members")),
    ("referrals:dispatch", Link("dispatch", "/office/dispatch", "Dispatch")),
    ("dues:process", Link("billing", "/office/dues", "Dues")),
    ("reports:standard", Link("reports", "/office/reports", "Reports")),
    ("students:update", Link("classes", "/school/classes", "School")),
    ("organizations:read", Link("records", "/office/organizations", "Records")),
)


BESIDE = frozenset(
    {"dues", "referrals", "documents", "application", "members", "dispatch", "billing", "classes", "records"}
)
"""Pages that are used all day stand beside each other; the others behind a label, so that all fit one line."""


def menu(account: Principal) -> list[Link | Menu]:
    """The account's pages as the head of each page has them: links, and what is behind a label."""
    own, office = own_links(account), office_links(account)
    if own and office:
        return [Menu("My pages", tuple(own)), *_folded(office)]
    return _folded(own or office or [HOME])


def _folded(offered: list[Link]) -> list[Link | Menu]:
    beside = [link for link in offered if link.name in BESIDE]
    behind = [link for link in offered if link.name not in BESIDE]
    return [*offered] if len(behind) == 1 else [*beside, *([Menu("More pages", tuple(behind))] if behind else [])]


def links(account: Principal) -> list[Link]:
    """The account's pages, its own first."""
    return [*own_links(account), *office_links(account)] or [HOME]


def own_links(account: Principal) -> list[Link]:
    """The pages about the account's own data."""
    own = list(MEMBER) if account.own_data else []
    if "applicant" in account.roles:
        own += [link for link in APPLICANT if link not in own]
    return own


def office_links(account: Principal) -> list[Link]:
    """The pages of those who work here."""
    office = [link for permission, link in BY_PERMISSION if account.may(permission)]
    if visible_resources(account.roles) & AUDIT_VIEWS:
        office.append(Link("audit", "/office/audit", "Audit trail"))
    if account.may("users:manage"):
        office.append(Link("admin", "/admin/users", "Administration"))
    return office
