"""Each extra stands alone: what it promises imports with that extra and nothing else."""

from __future__ import annotations

import importlib
import importlib.util
import os

import pytest

from nova_tune import errors

PROMISES = {
    "mlflow": ["mlflow"],
    "parquet": ["pyarrow"],
    "plot": ["matplotlib"],
    "rehearsal": ["moto.moto_server.werkzeug_app", "flask_cors"],
    "sagemaker": ["sagemaker.train"],
    "sql": ["sqlglot"],
}


@pytest.mark.filterwarnings("default")
def test_an_extra_brings_what_it_promises():
    """The packages behind the extra import, and so does the library beside them."""
    extra = os.environ.get("NOVA_TUNE_EXTRA")
    for module in PROMISES[extra] if extra else []:
        assert importlib.import_module(module)
    assert importlib.import_module("nova_tune").Dataset


def test_the_rehearsal_starts_where_its_extra_is_installed_and_names_it_where_not():
    """With the extra a rehearsal starts; without it the error prints the pip line."""
    from nova_tune.rehearsal import Rehearsal

    if importlib.util.find_spec("moto") is None:
        with pytest.raises(errors.MissingExtra, match=r"pip install 'nova-tune\[rehearsal\]'"):
            Rehearsal().start()
    else:
        with Rehearsal() as aws:
            assert aws.client("s3").list_buckets()["Buckets"]
