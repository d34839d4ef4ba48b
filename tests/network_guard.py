"""What every test and every example runs under: no network but loopback, no AWS settings of the machine."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADDRESSED = {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"}
_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
_reached: list[str] = []


def _is_loopback(host: Any) -> bool:
    text = host.decode() if isinstance(host, bytes) else str(host)
    if text == "localhost":
        return True
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guard(event: str, args: tuple[Any, ...]) -> None:
    if event in _ADDRESSED:
        address = args[1]
        if not isinstance(address, tuple) or _is_loopback(address[0]):
            return  # a Unix socket, a connected socket, or this machine
        what = f"{event} {address[0]}:{address[1]}"
    elif event in _LOOK_UPS:
        host = args[0][0] if event == "socket.getnameinfo" else args[0]
        if host is None or _is_loopback(host):
            return
        what = f"{event} {host}"
    else:
        return
    _reached.append(what)
    raise PermissionError(f"tests reach 127.0.0.1 alone; refused: {what}")


# An audit hook sees every socket of the process, of C extensions and threads too; it cannot be taken off again.
sys.addaudithook(_guard)


def _fail_if_reached() -> None:
    if _reached:
        seen = ", ".join(dict.fromkeys(_reached))
        _reached.clear()
        pytest.fail(f"the network was reached for, even if the code swallowed the refusal: {seen}", pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def _no_network_in_fixtures() -> Iterator[None]:
    """Fail the last test when a fixture of the session reached for the network while it was torn down."""
    yield
    _fail_if_reached()


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Fail the test that reached beyond loopback; what its wider fixtures did before counts as its own."""
    yield
    _fail_if_reached()


@pytest.fixture(scope="session", autouse=True)
def _no_aws_settings() -> Iterator[None]:
    """No region, credentials, endpoint, profile or proxy of the machine; no metadata service."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_") or name.upper().endswith("_PROXY")]:
            patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        patch.setenv("BOTO_CONFIG", os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield
