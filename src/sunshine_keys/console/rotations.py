"""The rotation of a key: begin it, change when the old key ends, end that one now."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from sunshine_keys.apps.table import require_app
from sunshine_keys.console import keys, sessions
from sunshine_keys.console.forms import Form
from sunshine_keys.console.rendering import page, redirect
from sunshine_keys.console.requests import SignedInRequest
from sunshine_keys.errors import BadRequest, NotFound
from sunshine_keys.keys import rotating
from sunshine_keys.keys.model import Key
from sunshine_keys.keys.rotations import GRACE_SECONDS, ROTATIONS, Rotation

GRACES = (
    ("3600", "1 hour"),
    ("86400", "1 day"),
    ("604800", "7 days"),
    ("2592000", "30 days"),
    ("7776000", "90 days"),
)
"""The choices of a grace period, in seconds, and their names."""

QUIETS = (("3600", "1 hour"), ("86400", "1 day"), ("604800", "7 days"))
"""The choices of the time without a use after which the old key ends early."""


class RotationForm(msgspec.Struct, frozen=True):
    """A form as it was sent, or the rotation as it is. `faults` are those of the fields, by name."""

    grace: str = f"{GRACE_SECONDS}"
    quiet: str = ""
    faults: dict[str, str] = {}

    @classmethod
    def of(cls, form: Form) -> RotationForm:
        grace, quiet, faults = form.text("grace"), form.text("quiet"), dict[str, str]()
        if grace not in dict(GRACES):
            faults["grace"] = "This is not a choice. Choose how long the old key works."
        if quiet and quiet not in dict(QUIETS):
            faults["quiet"] = "This is not a choice. Choose a time, or “no”."
        return cls(grace, quiet, faults)

    @classmethod
    def of_rotation(cls, rotation: Rotation, key: Key) -> RotationForm:
        grace = "" if key.expires_at is None else f"{key.expires_at - rotation.began:.0f}"
        quiet = "" if rotation.quiet_seconds is None else f"{rotation.quiet_seconds}"
        return cls(grace, quiet if quiet in dict(QUIETS) else "")


async def rotate(visit: SignedInRequest) -> Response:
    """Show the form, or rotate the key. The page of the successor then shows its secret."""
    keys.require_keys(visit)
    key = await keys.find(visit)
    rotation = await visit.engine.store.get(ROTATIONS, key.id)
    if visit.request.method != "POST":
        return await _ask(visit, key, RotationForm() if rotation is None else RotationForm.of_rotation(rotation, key))
    form = RotationForm.of(visit.form)
    if form.faults:
        return await _ask(visit, key, form)
    if rotation is not None and key.has_ended(visit.engine.store.now()):
        return await _ask(visit, key, form, "The key has ended, so nothing was changed.")
    try:
        rotated = await rotating.rotate(
            visit.engine, visit.origin, visit.app_id, visit.integration_id, key.id,
            grace_seconds=int(form.grace), quiet_seconds=int(form.quiet) if form.quiet else None,
        )  # fmt: skip
    except BadRequest as error:
        return await _ask(visit, key, form, f"{error.titles[0]}.")
    path = keys.owner_path(visit)
    # A form that the browser sends twice finds a rotation that has begun just now.
    if visit.engine.store.now() - rotated.rotation.began < sessions.NOTICE_SECONDS:
        return redirect(f"{path}/keys/{rotated.successor.id}", visit, ("key-rotated", rotated.successor.id))
    return redirect(f"{path}/keys/{key.id}", visit, ("rotation-changed", key.id))


async def _ask(visit: SignedInRequest, key: Key, form: RotationForm, alert: str = "") -> Response:
    return page(
        visit,
        "rotate.html",
        app=await visit.engine.store.read(require_app(visit.app_id)),
        key=key,
        rotation=await visit.engine.store.get(ROTATIONS, key.id),
        path=f"{keys.owner_path(visit)}/keys/{key.id}",
        graces=GRACES if form.grace in dict(GRACES) else ((form.grace, "as it is now"), *GRACES),
        quiets=QUIETS,
        form=form,
        alert=alert,
        faults=dict.fromkeys(("grace", "quiet"), "") | form.faults,
        status=422 if form.faults or alert else 200,
    )


async def end(visit: SignedInRequest) -> Response:
    """Show who still uses a key that is being replaced, or end it now."""
    keys.require_keys(visit)
    key = await keys.find(visit)
    rotation = await visit.engine.store.get(ROTATIONS, key.id)
    if rotation is None:
        raise NotFound("The key is not being replaced; delete it instead")
    path = f"{keys.owner_path(visit)}/keys/{key.id}"
    if visit.request.method != "POST":
        return page(
            visit,
            "end_key.html",
            app=await visit.engine.store.read(require_app(visit.app_id)),
            key=key,
            path=path,
            successor=rotation.successor_id,
            uses=await rotating.status(visit.engine, rotation, key),
        )
    await rotating.rotate(
        visit.engine, visit.origin, visit.app_id, visit.integration_id, key.id,
        grace_seconds=0, quiet_seconds=rotation.quiet_seconds,
    )  # fmt: skip
    return redirect(path, visit, ("key-ended", key.id))
