"""What the rehearsal does as AWS does it, and on whose word."""

from __future__ import annotations

import attrs

_READ = "2026-11-21"
_MODEL = "service model (botocore 1.44.5)"
_ASSUMED = "assumed"
_GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
_API = "https://docs.aws.amazon.com/bedrock/latest/APIReference/"


@attrs.frozen
class Behaviour:
    """One thing the rehearsal does, and where it is known from.

    Args:
        id: A stable name.
        statement: What it does, in one sentence.
        source: A page, the service model, or ``assumed``: nobody here has seen AWS do it.
        read: The day the source was read.
    """

    id: str
    statement: str
    source: str
    read: str = _READ


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour("request.constraints", "Length, pattern, enum and range of every request member are enforced.", _MODEL),
    Behaviour("request.wording", "Refusals read 'N validation error(s) detected: ...'.", _ASSUMED),
    Behaviour("request.unreadable", "A value that cannot be read is a SerializationException, HTTP 400.", _ASSUMED),
    Behaviour("response.shape", "No answer breaks the pattern, enum or range of its output shape.", _MODEL),
    Behaviour("errors.status", "An error has the HTTP status that its operation models.", _MODEL),
    Behaviour(
        "region", "Nova is customised and deployed in us-east-1 alone.", _GUIDE + "custom-model-fine-tuning.html"
    ),
    Behaviour(
        "job.base-model",
        "Only the ids with a context suffix, or their foundation-model ARNs, can be customised.",
        _GUIDE + "custom-model-fine-tuning.html",
    ),
    Behaviour("job.base-model-wording", "Another base model is a ValidationException.", _ASSUMED),
    Behaviour(
        "job.hyperparameters",
        "epochCount 1 to 5, learningRate 1e-6 to 1e-4, learningRateWarmupSteps 0 to 100; unknown names are refused.",
        _GUIDE + "custom-models-hp.html",
    ),
    Behaviour("job.batch-size", "batchSize is tolerated as 1, though no page lists it for Nova.", _ASSUMED),
    Behaviour(
        "job.role-and-bucket", "A role or bucket that does not exist is refused when a job is created.", _ASSUMED
    ),
    Behaviour("job.object-missing", "A training object that does not exist fails the job at validation.", _ASSUMED),
    Behaviour(
        "job.token",
        "The same token with the same request gives the same resource.",
        _API + "API_CreateModelCustomizationJob.html",
    ),
    Behaviour("job.token-reused", "The same token with another request is refused.", _ASSUMED),
    Behaviour("job.name-taken", "A job name, or a model name in use, is a ConflictException.", _ASSUMED),
    Behaviour("job.phases", "statusDetails passes validation, data processing and training.", _MODEL),
    Behaviour("job.durations", "Validation takes 3 minutes, processing 5, training 2 hours.", _ASSUMED),
    Behaviour("job.stop", "Stopping takes a minute; a job that is not InProgress cannot be stopped.", _ASSUMED),
    Behaviour("job.failure-message", "failureMessage is in our words, marked [rehearsal].", _ASSUMED),
    Behaviour(
        "job.outputs",
        "Two CSV files under model-customization-job-<id>/, written when the job completes.",
        _GUIDE + "model-customization-analyze.html",
    ),
    Behaviour("job.output-folder-id", "The folder's id is the last segment of the job's ARN.", _ASSUMED),
    Behaviour("job.losses", "Losses are a trigram model's on the data; the learning rate has no effect.", _ASSUMED),
    Behaviour("model.in-use", "A model behind a deployment cannot be deleted.", _ASSUMED),
    Behaviour("deployment.name-taken", "A taken deployment name is a ValidationException.", _ASSUMED),
    Behaviour("deployment.durations", "Creating and updating take 8 minutes each.", _ASSUMED),
    Behaviour("deployment.update", "The old model answers until an update is complete.", _ASSUMED),
    Behaviour("deployment.delete-creating", "A deployment that is Creating cannot be deleted.", _ASSUMED),
    Behaviour("lists.order", "Newest first, 100 rows to a page unless the caller says otherwise.", _ASSUMED),
    Behaviour("converse.suffixed-id", "An id with a context suffix is a ResourceNotFoundException.", _ASSUMED),
    Behaviour(
        "converse.profile-only",
        "Nova 2 Lite answers through an inference profile alone.",
        "https://github.com/awslabs/bedrock-usage-analyzer",
    ),
    Behaviour("converse.custom-model", "A custom model's own ARN does not answer on demand.", _MODEL),
    Behaviour("converse.creating", "A deployment that is Creating is a ModelNotReadyException, HTTP 429.", _ASSUMED),
    Behaviour(
        "converse.max-tokens",
        "maxTokens of Nova 1 models is at most 5k.",
        "https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html",
    ),
    Behaviour("converse.tokens", "A token is about four characters.", _ASSUMED),
    Behaviour("converse.stop-sequence", "The text ends before the stop sequence.", _ASSUMED),
    Behaviour(
        "converse.turns", "A conversation starts and ends with a user message, and its roles alternate.", _ASSUMED
    ),
    Behaviour("converse.answer", "A tuned model answers with the nearest example of its training file.", _ASSUMED),
)
"""Every rehearsed behaviour with its source; a report made in a rehearsal stands on this table."""
