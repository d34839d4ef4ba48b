"""A boto3 session that can reach nothing but the rehearsal, whatever the environment says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET_KEY = "rehearsal"  # noqa: S105 - signs requests to this machine's loopback alone


class RehearsalSession(boto3.Session):
    """A ``boto3.Session`` whose every client talks to one rehearsal.

    Profiles, configuration files, endpoint variables, bearer tokens, proxies and credentials of the
    environment have no effect. It lives as long as the caller wants; its clients answer as long as the
    rehearsal does.

    Args:
        url: The rehearsal's address.
        access_key: The access key id that requests carry.
        region: The region that requests carry.
    """

    def __init__(self, *, url: str, access_key: str, region: str) -> None:
        self._url = url
        super().__init__(
            aws_access_key_id=access_key,
            aws_secret_access_key=SECRET_KEY,
            region_name=region,
            botocore_session=_deaf_session(),
        )

    def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """A client of `service_name` that talks to the rehearsal.

        Args:
            service_name: As for ``boto3.Session.client``.
            args: As for ``boto3.Session.client``.
            kwargs: As for ``boto3.Session.client``; ``endpoint_url`` is ignored, ``config`` is merged over
                the rehearsal's own.
        """
        return super().client(service_name, *args, **self._settings(service_name, kwargs))  # type: ignore[call-overload]

    def resource(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """A resource of `service_name` that talks to the rehearsal.

        Args:
            service_name: As for ``boto3.Session.resource``.
            args: As for ``boto3.Session.resource``.
            kwargs: As for :meth:`client`.
        """
        return super().resource(service_name, *args, **self._settings(service_name, kwargs))  # type: ignore[call-overload]

    def _settings(self, service_name: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        config = Config(
            # Named, because AWS_BEARER_TOKEN_BEDROCK otherwise makes botocore refuse plain HTTP.
            signature_version="s3v4" if service_name == "s3" else "v4",
            s3={"addressing_style": "path"},
            proxies={},
        )
        if kwargs.get("config") is not None:
            config = config.merge(kwargs["config"])
        return {**kwargs, "endpoint_url": self._url, "config": config}


def _deaf_session() -> botocore.session.Session:
    """A botocore session that reads neither environment variables nor files: every setting has its default."""
    variables = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    variables["config_file"] = variables["credentials_file"] = (None, None, os.devnull, None)
    return botocore.session.Session(session_vars=variables)
