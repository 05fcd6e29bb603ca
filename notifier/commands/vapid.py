"""`notifier vapid`: the key pair for Web Push."""

from __future__ import annotations

import click


@click.command()
@click.option(
    "--subject",
    default="mailto:postmaster@example.org",
    show_default=True,
    help="How push services reach whoever runs this site: mailto: or https:.",
)
def vapid(subject: str) -> None:
    """Make the key by which push services know this site, as lines for .env.

    Keep the key secret and keep it the same everywhere: with another one every browser has to be
    asked again. Without it nothing is pushed, and nobody is asked.
    """
    from notifier import vapid as keys

    if not subject.startswith(("mailto:", "https://")):
        raise click.BadParameter("write mailto:… or https://…", param_hint="--subject")
    click.echo(f"NOTIFIER_VAPID_PRIVATE_KEY={keys.new_private_key()}")
    click.echo(f"NOTIFIER_VAPID_SUBJECT={subject}")
