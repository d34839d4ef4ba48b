"""The guard that keeps every test on this machine."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import boto3

GUARD = pathlib.Path(__file__).with_name("network_guard.py")

REACHING = {
    "connect": "socket.socket().connect(('192.0.2.1', 80))",
    "datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
    "listen on all interfaces": "socket.socket().bind(('0.0.0.0', 0))",
    "look-up": "socket.getaddrinfo('example.invalid', 443)",
    "old look-up": "socket.gethostbyname('example.invalid')",
    "reverse look-up": "socket.gethostbyaddr('192.0.2.1')",
    "reverse look-up of an address": "socket.getnameinfo(('192.0.2.1', 80), 0)",
    "urllib": "urllib.request.urlopen('http://example.invalid', timeout=1)",
    "boto3": "boto3.client('bedrock', region_name='us-east-1', aws_access_key_id='a', aws_secret_access_key='b')"
    ".list_custom_models()",
}
STAYING = {
    "loopback": "server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname())",
    "localhost": "socket.getaddrinfo('localhost', 80)",
    "other loopback": "socket.socket().bind(('127.0.0.2', 0))",
    "any interface name": "socket.getaddrinfo(None, 80)",
    "unix": "socket.socketpair()",
}


def suite(tmp_path: pathlib.Path, body: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "conftest.py").write_text(GUARD.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_it.py").write_text(body, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)


def test_a_test_that_reaches_out_fails_even_when_it_swallows_the_refusal(tmp_path):
    """Every way out of the machine fails its test, whatever the code under test does with the exception."""
    body = "import contextlib, socket, urllib.request\nimport boto3\n" + "".join(
        f"def test_{number}():\n    with contextlib.suppress(BaseException):\n        {line}\n"
        for number, line in enumerate(REACHING.values())
    )
    run = suite(tmp_path, body)
    assert run.returncode == 1
    assert f"{len(REACHING)} passed, {len(REACHING)} errors" in run.stdout
    assert "example.invalid" in run.stdout
    assert "bedrock.us-east-1.amazonaws.com" in run.stdout


def test_a_refusal_that_is_not_swallowed_names_the_place(tmp_path):
    """The exception itself says where the code wanted to go, and nothing is sent."""
    run = suite(tmp_path, "import socket\ndef test_it():\n    socket.socket().connect(('192.0.2.1', 80))\n")
    assert run.returncode == 1
    assert "refused: socket.connect 192.0.2.1:80" in run.stdout


def test_what_stays_on_the_machine_passes(tmp_path):
    """Loopback and Unix sockets are free to use."""
    body = "import socket\n" + "".join(
        f"def test_{number}():\n    {line}\n" for number, line in enumerate(STAYING.values())
    )
    run = suite(tmp_path, body)
    assert f"{len(STAYING)} passed" in run.stdout, run.stdout
    assert run.returncode == 0


def test_a_fixture_that_reaches_out_at_the_very_end_is_caught(tmp_path):
    """What a session fixture does in its teardown fails the run too."""
    body = """
import contextlib, socket, pytest
@pytest.fixture(scope="session")
def late():
    yield
    with contextlib.suppress(OSError):
        socket.getaddrinfo("late.invalid", 80)
def test_it(late): pass
"""
    run = suite(tmp_path, body)
    assert run.returncode == 1
    assert "late.invalid" in run.stdout


def test_no_setting_of_the_machine_reaches_a_test():
    """A test sees no region, no credentials, no profile and no metadata service, whatever the shell has set."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    assert settings == {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    session = boto3.Session()
    assert session.region_name is None
    assert session.get_credentials() is None
    assert session.available_profiles == []


def test_variables_of_the_shell_are_taken_away(tmp_path, monkeypatch):
    """A variable that is set where pytest is started is gone inside the tests."""
    for name in ("AWS_REGION", "AWS_PROFILE", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "leaks")
    run = suite(tmp_path, "import os\ndef test_it():\n    assert 'leaks' not in os.environ.values()\n")
    assert run.returncode == 0, run.stdout
