"""The app for an ASGI server: `hypercorn -c hypercorn.toml notifier.asgi:app`."""

from notifier import early_answers, logs
from notifier.app import create_app
from notifier.drain import drain_on_sigterm
from notifier.settings import Settings

_settings = Settings.load()
logs.configure(development=_settings.development)
app = create_app(_settings)
early_answers.protect(_settings)


@app.before_serving
async def _drain_on_sigterm() -> None:
    drain_on_sigterm(app.extensions["notifier"].engine)
