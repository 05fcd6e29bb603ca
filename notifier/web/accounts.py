"""Registering, signing in, signing out."""

from __future__ import annotations

from quart import Blueprint, Response, flash, request

from notifier import accounts, sign_ins
from notifier.errors import Forbidden, Refused, TooMany, Unavailable
from notifier.languages import Sentence, _
from notifier.web import known_browser, limits, sign_in
from notifier.web.forms import LoginForm, RegisterForm
from notifier.web.rendering import page, see_other
from notifier.web.sign_in import login_required, public
from notifier.web.site import site

blueprint = Blueprint("accounts", __name__)

# The same for a wrong name and a wrong password: who has an account is not told here.
WRONG = Sentence("That username and password do not go together.")


@blueprint.get("/register")
@public
async def register_form() -> Response:
    if await sign_in.visitor().find():
        return see_other("/")
    return await page("accounts/register.html", form=RegisterForm())


@blueprint.post("/register")
@public
async def register() -> Response:
    form = await RegisterForm.submitted()
    if form.validate():
        await limits.spend(limits.REGISTER_ADDRESS, "register", limits.address())
        try:
            await accounts.register(
                site().engine.database,
                site().passwords,
                form.username.data,
                form.email.data,
                form.password.data,
            )
        except Unavailable:
            raise
        except Refused as error:
            form.refuse(error)
        else:
            await flash(_("You are registered. Welcome! Now sign in."), "good")
            return see_other("/login")
    return await page("accounts/register.html", status_code=422, form=form)


@blueprint.get("/login")
@public
async def login_form() -> Response:
    if await sign_in.visitor().find():
        return see_other(sign_in.safe_next(request.args.get("next")))
    return await page("accounts/login.html", form=LoginForm())


@blueprint.post("/login")
@public
async def login() -> Response:
    form = await LoginForm.submitted()
    name, password = form.username.data or "", form.password.data or ""
    name_key = accounts.username_key(name)
    try:
        await _spend_attempt(name_key)
    except TooMany:
        site().engine.sign_ins_refused["limit"] += 1
        raise
    remember = bool(form.remember_me.data)
    try:
        started = await sign_ins.sign_in(
            site().engine.database,
            site().passwords,
            # Longer ones exist nowhere; what they cost is bounded here.
            name[: 2 * accounts.USERNAME_MAX_CHARACTERS],
            password[: accounts.PASSWORD_MAX_CHARACTERS + 1],
            remember=remember,
            browser=request.headers.get("User-Agent", ""),
            address=limits.address(),
        )
    except Forbidden as error:
        form.refuse(error)
        return await page("accounts/login.html", status_code=error.status, form=form)
    if started is None:
        site().engine.sign_ins_refused["password"] += 1
        form.refuse(Refused(WRONG))
        return await page("accounts/login.html", status_code=401, form=form)
    auth_id, happened = started
    # This browser was somebody else, or the same person before: that sign-in is over.
    before = await sign_in.visitor().find()
    if before is not None:
        happened = [*happened, *await sign_ins.sign_out(site().engine.database, before)]
    site().engine.publish(happened)
    sign_in.start(auth_id, remember=remember)
    response = see_other(sign_in.safe_next(request.args.get("next")))
    known_browser.remember(response, name_key)
    return response


async def _spend_attempt(name: str) -> None:
    """Counted before anything is hashed; the narrowest first, so that others lose nothing by it."""
    here = limits.address()
    browser = known_browser.known(name)
    if browser is not None:
        await limits.spend(limits.SIGN_IN_HERE, "sign-in-known", browser)
        return
    await limits.spend(limits.SIGN_IN_HERE, "sign-in", here, name)
    await limits.spend(limits.SIGN_IN_ADDRESS, "sign-in-address", here)
    await limits.spend(limits.SIGN_IN_ACCOUNT, "sign-in-account", name)


@blueprint.post("/logout")
@login_required()
async def logout() -> Response:
    me = await sign_in.signed_in()
    site().engine.publish(await sign_ins.sign_out(site().engine.database, me))
    sign_in.forget()
    await flash(_("You are signed out."))
    return see_other("/login")
