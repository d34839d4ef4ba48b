"""The tree of errors: catchable, printable, picklable, and complete for the operations that are called."""

from __future__ import annotations

import copy
import inspect
import pickle

import botocore.session
import pytest

from nova_tune import errors
from nova_tune.errors import BY_CODE, AWSError, NovaTuneError, PlanError

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, NovaTuneError)]
BUILT_IN = {
    "MissingExtra": ImportError,
    "ConfigurationError": RuntimeError,
    "DatasetError": ValueError,
    "SourceError": ValueError,
    "TemplateError": KeyError,
    "InvalidDataset": ValueError,
    "PlanError": ValueError,
    "PriceUnknown": LookupError,
    "BudgetExceeded": ValueError,
    "JobFailed": RuntimeError,
    "JobStopped": RuntimeError,
    "DeploymentFailed": RuntimeError,
    "WaitTimeout": TimeoutError,
    "WaitCancelled": RuntimeError,
    "AWSError": RuntimeError,
    "AccessDenied": PermissionError,
    "NotFound": LookupError,
    "NameInUse": ValueError,
    "InvalidRequest": ValueError,
    "QuotaExceeded": RuntimeError,
    "Throttled": ConnectionError,
    "ServiceFault": ConnectionError,
    "IncompleteAnswer": ConnectionError,
}
OWN = {
    "MissingExtra": {"extra": "sql"},
    "DatasetError": {"path": "a.jsonl", "line": 3},
    "SourceError": {"path": "a.jsonl", "line": 3},
    "TemplateError": {"path": "a.jsonl", "line": 3},
    "InvalidDataset": {"report": {"ok": False}},
    "PlanError": {"faults": ("one", "two")},
    "PriceUnknown": {"keys": ("nova-micro/train",)},
    "JobFailed": {"job": {"name": "j"}},
    "JobStopped": {"job": {"name": "j"}},
    "WaitTimeout": {"waited_for": "arn"},
    "WaitCancelled": {"waited_for": "arn"},
    "NameInUse": {"existing": "arn"},
    "IncompleteAnswer": {"partial_text": "half", "billed": True},
}
AWS = {"code": "ThrottlingException", "request_id": "r-1", "operation": "Converse"}
CALLED = {
    "bedrock": [
        "CreateModelCustomizationJob",
        "GetModelCustomizationJob",
        "ListModelCustomizationJobs",
        "StopModelCustomizationJob",
        "GetCustomModel",
        "ListTagsForResource",
        "CreateCustomModelDeployment",
        "GetCustomModelDeployment",
        "DeleteCustomModelDeployment",
    ],
    "bedrock-runtime": ["Converse", "ConverseStream"],
    "cloudwatch": ["GetMetricData"],
    "pricing": ["GetProducts"],
    "sagemaker": ["DescribeTrainingJob"],
    "s3": ["PutObject", "HeadObject", "GetObject", "ListObjectsV2"],
}


def attributes(kind: type[NovaTuneError]) -> dict[str, object]:
    return {"hint": "do this", **OWN.get(kind.__name__, {}), **(AWS if issubclass(kind, AWSError) else {})}


def instance(kind: type[NovaTuneError]) -> NovaTuneError:
    return kind("it broke", **attributes(kind))


def seen(error: NovaTuneError) -> dict[str, object]:
    return {name: getattr(error, name) for name in attributes(type(error))}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_crosses_a_process_with_its_attributes(kind):
    """Pickling and copying keep class, message and every attribute, with each protocol."""
    error = instance(kind)
    error.add_note("seen in worker 3")
    copies = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    for twin in [*copies, copy.copy(error), copy.deepcopy(error)]:
        assert type(twin) is kind
        assert (str(twin), twin.args, seen(twin)) == ("it broke", error.args, attributes(kind))
        assert twin.__notes__ == ["seen in worker 3"]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_prints_its_message_once_and_plain(kind):
    """str() is the message as it was written, without KeyError's quotes or OSError's numbers."""
    assert str(instance(kind)) == "it broke"
    assert repr(instance(kind)).count("it broke") == 1


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_works_with_its_message_alone(kind):
    """Attributes that nobody knows have harmless values, never a missing attribute."""
    error = kind("it broke")
    assert error.hint is None
    assert all(not value for value in seen(error).values())


def test_one_except_clause_catches_them_all():
    """Every class is a NovaTuneError, and NovaTuneError is none of the built-ins that users catch for other reasons."""
    for kind in CLASSES:
        with pytest.raises(NovaTuneError):
            raise instance(kind)
    assert NovaTuneError.__bases__ == (Exception,)


def test_every_error_is_also_its_built_in():
    """Code that knows nothing of nova_tune catches each error by the built-in that the tree names."""
    assert {each.__name__ for each in CLASSES} == {*BUILT_IN, "NovaTuneError"}
    for kind in CLASSES:
        assert issubclass(kind, BUILT_IN.get(kind.__name__, Exception))
        assert kind.__name__ in errors.__doc__


def test_the_tree_in_the_docstring_is_the_tree():
    """The drawing at the top of the module names the built-in that each class really has."""
    for line in errors.__doc__.splitlines():
        name, _, rest = line.strip("│├└─ ").partition(" ")
        if name in BUILT_IN:
            assert f"({BUILT_IN[name].__name__})" in rest


def test_an_error_without_arguments_prints_nothing():
    """A foreign rebuild without arguments still prints."""
    error = PlanError("x")
    error.args = ()
    assert str(error) == ""


def test_a_missing_extra_prints_the_line_that_installs_it():
    """The message of a missing extra can be pasted into a shell."""
    error = errors.MissingExtra.for_extra("sql", what="The SQL check")
    assert error.hint == "pip install 'nova-tune[sql]'"
    assert str(error).startswith("The SQL check needs the extra 'sql'")
    assert str(error).endswith(error.hint)
    assert error.extra == "sql"


def test_a_misspelt_attribute_is_refused():
    """An error never takes an attribute that nobody will find."""
    with pytest.raises(TypeError, match="opration"):
        errors.NameInUse("x", opration="Converse")


def modelled_codes(service: str, operation: str) -> set[str]:
    model = botocore.session.Session().get_service_model(service).operation_model(operation)
    codes = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
    stream = model.get_event_stream_output()
    members = stream.members.items() if stream is not None else ()
    return codes | {name[:1].upper() + name[1:] for name, shape in members if shape.metadata.get("exception")}


@pytest.mark.parametrize(("service", "operation"), [(each, name) for each, names in CALLED.items() for name in names])
def test_every_modelled_code_has_a_class(service, operation):
    """Drift: the installed service model names no error of a called operation that BY_CODE does not know."""
    assert modelled_codes(service, operation) <= BY_CODE.keys()


def test_every_called_operation_is_on_the_list():
    """The list of operations above is complete: the sources call no other."""
    import pathlib
    import re

    import nova_tune

    root = pathlib.Path(nova_tune.__file__).parent
    sources = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*.py") if "rehearsal" not in path.parts)
    called = set(re.findall(r"""\bcall\(\s*[\w.]+,\s*"(\w+)\"""", sources))
    assert called == {name for names in CALLED.values() for name in names}
