"""Sign-in links: URLs of the console that sign a person in with a key, without its secret."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import webbrowser
from urllib.parse import urlencode

from sunshine_keys.access import tokens
from sunshine_keys.access.scopes import Scope

SECONDS = tokens.LINK_SECONDS - 15
"""The time for which a link works. The clocks of the service and of this machine may differ by the rest."""


def sign_in_link(host: str, key_id: str, secret: str, scope: Scope, page: str = "/console") -> str:
    """Return a link that signs a person in with a key of an account or an app, and opens a page of the console.

    The token is in the fragment, which a browser sends to nobody.
    """
    query = "link" if page == "/console" else f"link&{urlencode({'to': page}, safe='/')}"
    return f"{host}/console/sign-in?{query}#token={tokens.mint(key_id, secret, scope, expires_in=SECONDS)}"


def open_in_browser(url: str) -> None:
    """Open a URL in the browser of this machine, if there is one."""
    with contextlib.suppress(webbrowser.Error):
        webbrowser.get().open(url)


def open_in_background(url: str) -> None:
    """Open a URL in a browser with a window, without a wait for it. Do nothing on a system without windows.

    There, `webbrowser` finds browsers for terminals, which would take the terminal of this program.
    """
    has_windows = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    )
    if has_windows:
        threading.Thread(target=open_in_browser, args=(url,), name="sunshine-browser", daemon=True).start()
