"""Who may let whom into an account, and as what.

Every change locks the account, so that the rules hold when two people change it at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import Account, Membership, Role, User
from accounts.setup import new_password

if TYPE_CHECKING:
    from accounts.access import Access


class Refused(Exception):
    """It cannot be done as things are; the text says why and what to do."""


def roles_to_give(access: Access) -> list[Role]:
    """The roles this person may give others: their own and those below it."""
    return [role for role in Role if access.may(role)] if access.may(Role.ADMIN) else []


def of(access: Access) -> list[Membership]:
    """The members of the account, the highest roles first, then by name."""
    found = Membership.objects.filter(account=access.account).select_related("user")
    return list(found.order_by("-role", "user__username"))


def find_person(name: str) -> User | None:
    """The person with this user name, or with this e-mail address in any case.

    Raises Refused where several people share the address.
    """
    person = User.objects.filter(username=name).first()
    if person:
        return person
    found = list(User.objects.filter(email__iexact=name)[:2]) if "@" in name else []
    if len(found) > 1:
        raise Refused(_("Several people have this e-mail address. Use the person's user name."))
    return found[0] if found else None


@transaction.atomic
def add(access: Access, person: User, role: Role) -> Membership:
    """Let an existing person in.

    Raises PermissionDenied for a role above one's own, Refused for somebody who is a member already.
    """
    _check_may_give(_lock(access), role)
    membership, new = Membership.objects.get_or_create(account=access.account, user=person, defaults={"role": role})
    if not new:
        raise Refused(_("%(person)s is a member already. Change the role in the list.") % {"person": person})
    _note(access, "member.added", person, {"role": role.value})
    return membership


@transaction.atomic
def create_person(access: Access, username: str, email: str, role: Role) -> tuple[User, str]:
    """Make a person and let them in; returns them and the generated password, which is kept nowhere.

    Raises PermissionDenied for a role above one's own; `username` must be free.
    """
    _check_may_give(_lock(access), role)
    password = new_password()
    person = User.objects.create_user(username, email, password)
    Membership.objects.create(account=access.account, user=person, role=role)
    _note(access, "member.created", person, {"role": role.value})
    return person, password


@transaction.atomic
def change_role(access: Access, membership_id: int, role: Role) -> Membership:
    """Give a member another role.

    Raises PermissionDenied where the actor may not touch that member or give that role (so nobody raises
    themselves), Refused where the account would be left without an owner or there is no such member.
    """
    actor = _lock(access)
    member = _find(access, membership_id)
    _check_may_touch(actor, member)
    _check_may_give(actor, role)
    if role < Role.OWNER:
        _check_not_last_owner(member)
    _note(access, "member.changed", member.user, audit.changes({"role": member.role}, {"role": role.value}))
    member.role = role
    member.save(update_fields=["role"])
    return member


@transaction.atomic
def remove(access: Access, membership_id: int) -> Membership:
    """Take a member out of the account; the person stays. Everybody may remove themselves.

    Raises PermissionDenied where the actor may not touch that member, Refused for the last owner or where there is
    no such member.
    """
    actor = _lock(access)
    member = _find(access, membership_id)
    if member.pk != actor.pk:
        _check_may_touch(actor, member)
    _check_not_last_owner(member)
    member.delete()
    _note(access, "member.removed", member.user, {"role": member.role})
    return member


def _note(access: Access, action: str, person: User, details: dict[str, Any]) -> None:
    audit.note(access.account, access.membership.user, action, person.get_username(), details)


def _lock(access: Access) -> Membership:
    """Hold all other changes of this account's members, and read the actor's role as it is now."""
    Account.objects.select_for_update().get(pk=access.account.pk)
    actor = Membership.objects.filter(pk=access.membership.pk).first()
    if actor is None:
        raise PermissionDenied(_("You are not a member of this account any more."))
    return actor


def _find(access: Access, membership_id: int) -> Membership:
    member = Membership.objects.select_related("user").filter(account=access.account, pk=membership_id).first()
    if member is None:
        raise Refused(_("This person is not a member any more."))
    return member


def _check_may_touch(actor: Membership, member: Membership) -> None:
    if not actor.may(Role.ADMIN):
        raise PermissionDenied(_("Only administrators and owners may change members."))
    if member.role > actor.role:
        raise PermissionDenied(_("Only an owner may change or remove an owner."))


def _check_may_give(actor: Membership, role: Role) -> None:
    if not actor.may(Role.ADMIN):
        raise PermissionDenied(_("Only administrators and owners may add members or change roles."))
    if role > actor.role:
        raise PermissionDenied(_("Nobody may give a role that is higher than their own."))


def _check_not_last_owner(member: Membership) -> None:
    if member.role < Role.OWNER:
        return
    others = Membership.objects.filter(account=member.account_id, role=Role.OWNER).exclude(pk=member.pk)
    if not others.exists():
        raise Refused(_("An account needs an owner. Make somebody else an owner first."))
