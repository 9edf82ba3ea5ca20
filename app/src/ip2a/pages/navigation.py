"""Which pages an account is offered. Pure: roles in, links out; the pages check for themselves."""

from typing import NamedTuple

from ip2a.security.permissions import AUDIT_VIEWS, visible_resources
from ip2a.security.principal import Principal


class Link(NamedTuple):
    """A page in the navigation; `name` marks the current one."""

    name: str
    path: str
    label: str


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
BY_PERMISSION = (
    ("members:read", Link("members", "/office/members", "Members")),
    ("referrals:dispatch", Link("dispatch", "/office/dispatch", "Dispatch")),
    ("dues:process", Link("adjustments", "/office/adjustments", "Adjustments")),
    ("reports:standard", Link("reports", "/office/reports", "Reports")),
    ("students:update", Link("classes", "/school/classes", "School")),
    ("organizations:read", Link("records", "/office/organizations", "Records")),
)


def links(account: Principal) -> list[Link]:
    """The account's pages, its own first."""
    own = list(MEMBER) if account.own_data else []
    if "applicant" in account.roles:
        own += [link for link in APPLICANT if link not in own]
    office = [link for permission, link in BY_PERMISSION if account.may(permission)]
    if visible_resources(account.roles) & AUDIT_VIEWS:
        office.append(Link("audit", "/office/audit", "Audit trail"))
    if account.may("users:manage"):
        office.append(Link("admin", "/admin/users", "Administration"))
    return [*own, *office] or [Link("home", "/", "Start")]
