"""What the rehearsal does as AWS does it, and on whose word."""

from __future__ import annotations

import attrs

_READ = "2026-11-21"
_MODEL = "service model (botocore 1.44.5)"
_ASSUMED = "assumed"
_OWN = "the rehearsal's own"
_CLAIMED = "claimed: public code or a practitioner's log"
_GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
_API = "https://docs.aws.amazon.com/bedrock/latest/APIReference/"
_NOVA = "https://docs.aws.amazon.com/nova/latest/userguide/"
_NOVA_GUIDE = "Amazon Nova user guide, SageMaker training jobs and on-demand inference"
_SAGEMAKER = "https://docs.aws.amazon.com/sagemaker/latest/"
_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
_RECIPES = "https://github.com/aws/sagemaker-hyperpod-recipes (263199555b2e)"
_FORGE = "https://github.com/aws/nova-forge-sdk (a4d5b3df0bae)"


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
    Behaviour("request.unknown-members", "Members that an operation does not know are dropped.", _ASSUMED),
    Behaviour("response.shape", "No answer breaks the pattern, enum or range of its output shape.", _MODEL),
    Behaviour("response.timestamps", "Bedrock's timestamps are ISO 8601, SageMaker's are seconds since 1970.", _MODEL),
    Behaviour("errors.status", "An error has the HTTP status that its operation models.", _MODEL),
    Behaviour(
        "errors.not-offered", "What is not offered is HTTP 501 NotImplemented, which botocore does not retry.", _OWN
    ),
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
    Behaviour(
        "job.role-trust", "The role must trust bedrock.amazonaws.com.", _GUIDE + "model-customization-iam-role.html"
    ),
    Behaviour(
        "job.role-permissions",
        "A role that may not read the data or write the output fails the job in validation.",
        _ASSUMED,
    ),
    Behaviour("job.bucket-region", "Buckets must be in the job's region.", _CLAIMED),
    Behaviour("job.quotas", "A job over a quota is a ServiceQuotaExceededException when it is created.", _MODEL),
    Behaviour("job.object-missing", "A training object that does not exist fails the job at validation.", _ASSUMED),
    Behaviour(
        "job.data-rules",
        "The data is checked line by line by the rules of AWS's pages and of AWS's own validator.",
        _NOVA + "fine-tune-prepare-data-understanding.html",
    ),
    Behaviour(
        "job.token",
        "The same token with the same request gives the same resource.",
        _API + "API_CreateModelCustomizationJob.html",
    ),
    Behaviour("job.token-reused", "The same token with another request is refused.", _ASSUMED),
    Behaviour("job.name-taken", "A job name, or a model name in use, is a ConflictException.", _ASSUMED),
    Behaviour("job.identifiers", "A job is found by its name and by its ARN.", _MODEL),
    Behaviour("job.arn", "A job's ARN ends in its base model's id and 12 of [a-z0-9].", _MODEL),
    Behaviour("job.phases", "statusDetails passes validation, data processing and training.", _MODEL),
    Behaviour("job.queue", "A job may wait for capacity with its training NotStarted and no message.", _CLAIMED),
    Behaviour("job.durations", "Validation takes 3 minutes, processing 5, training 2 hours.", _ASSUMED),
    Behaviour("job.stop", "Stopping takes a minute; a job that is not InProgress cannot be stopped.", _ASSUMED),
    Behaviour("job.failure-message", "failureMessage is in our words, marked [rehearsal].", _ASSUMED),
    Behaviour(
        "job.outputs",
        "Two CSV files under model-customization-job-<id>/, written when the job completes.",
        _GUIDE + "model-customization-analyze.html",
    ),
    Behaviour("job.output-folder-id", "The folder's id is the last segment of the job's ARN.", _ASSUMED),
    Behaviour("job.losses", "Losses are a trigram model's on the data; the learning rate has no effect.", _OWN),
    Behaviour(
        "model.one-for-each-job",
        "A completed job has one model, which GetCustomModel finds by name and by ARN.",
        _MODEL,
    ),
    Behaviour("model.in-use", "A model behind a deployment cannot be deleted.", _ASSUMED),
    Behaviour(
        "model.import-sources",
        "CreateCustomModel takes an escrow URI with a role, or a SageMaker model package without one.",
        _MODEL,
    ),
    Behaviour("model.import-escrow", "An S3 URI that no training job left in Amazon's bucket is refused.", _ASSUMED),
    Behaviour(
        "model.import-status",
        "An imported model is Creating, then Active or Failed, of type IMPORTED, without a job.",
        _MODEL,
    ),
    Behaviour("model.import-duration", "An import takes ten minutes.", _ASSUMED),
    Behaviour("model.full-rank", "A full-rank model is not taken by on-demand deployment.", _NOVA_GUIDE),
    Behaviour(
        "deployment.active-model",
        "Only an Active model can be deployed.",
        _API + "API_CreateCustomModelDeployment.html",
    ),
    Behaviour("deployment.name-taken", "A taken deployment name is a ValidationException.", _ASSUMED),
    Behaviour("deployment.arn", "A deployment's ARN ends in custom-model-deployment/ and 12 of [a-z0-9].", _MODEL),
    Behaviour("deployment.durations", "Creating and updating take 8 minutes each.", _ASSUMED),
    Behaviour("deployment.update", "The old model answers until an update is complete.", _ASSUMED),
    Behaviour("deployment.update-details", "updateDetails says Updating, UpdateCompleted or UpdateFailed.", _MODEL),
    Behaviour("deployment.update-base", "An update to a model of another base is refused.", _ASSUMED),
    Behaviour("deployment.delete-creating", "A deployment that is Creating cannot be deleted.", _ASSUMED),
    Behaviour("deployment.deleted", "There is no Deleting status: a deleted deployment is not found.", _MODEL),
    Behaviour("lists.order", "Newest first, 100 rows to a page unless the caller says otherwise.", _ASSUMED),
    Behaviour("lists.pages", "Rows that come or go between two pages neither hide nor repeat another.", _ASSUMED),
    Behaviour("tags.limit", "A resource has 200 tags at most.", _MODEL),
    Behaviour(
        "foundation.customizable",
        "ListFoundationModels lists the ids with a suffix apart, as the only ones to customise.",
        _ASSUMED,
    ),
    Behaviour("foundation.available", "Access, agreement, entitlement and region are granted.", _ASSUMED),
    Behaviour("converse.suffixed-id", "An id with a context suffix is a ResourceNotFoundException.", _ASSUMED),
    Behaviour(
        "converse.profile-only",
        "Nova 2 Lite answers through an inference profile alone.",
        "https://github.com/awslabs/bedrock-usage-analyzer",
    ),
    Behaviour("converse.custom-model", "A custom model's own ARN does not answer on demand.", _MODEL),
    Behaviour("converse.creating", "A deployment that is Creating is a ModelNotReadyException, HTTP 429.", _ASSUMED),
    Behaviour(
        "converse.max-tokens", "maxTokens of Nova 1 models is at most 5k.", _NOVA + "complete-request-schema.html"
    ),
    Behaviour("converse.tokens", "A token is about four characters.", _ASSUMED),
    Behaviour("converse.stop-sequence", "The text ends before the stop sequence.", _ASSUMED),
    Behaviour(
        "converse.turns", "A conversation starts and ends with a user message, and its roles alternate.", _ASSUMED
    ),
    Behaviour("converse.metadata-last", "A stream's usage comes in metadata, after messageStop.", _MODEL),
    Behaviour("converse.answer", "A tuned model answers with the nearest example of its training file.", _OWN),
    Behaviour(
        "invoke.schema",
        "InvokeModel takes Nova's messages-v1 request and gives Converse's answer without metrics.",
        _NOVA + "complete-request-schema.html",
    ),
    Behaviour("invoke.unknown-keys", "Other keys of a native request are refused.", _ASSUMED),
    Behaviour("count-tokens.nova", "CountTokens refuses Nova and its deployments.", _CLAIMED),
    Behaviour(
        "limits.reservation",
        "A request is charged up front with its input and its maxTokens.",
        _GUIDE + "monitoring-runtime-metrics.html",
    ),
    Behaviour(
        "limits.sum",
        "The limits for a minute are for all deployments together.",
        "https://github.com/awslabs/bedrock-usage-analyzer",
    ),
    Behaviour("training.statuses", "A training job is Starting, Downloading, Training, Uploading, Completed.", _MODEL),
    Behaviour("training.durations", "Instances take 5 minutes, downloads 2, training 3 hours, uploads 1.", _ASSUMED),
    Behaviour(
        "training.time-limit",
        "A job over MaxRuntimeInSeconds is Stopped with MaxRuntimeExceeded, and leaves no output.",
        _MODEL,
    ),
    Behaviour("training.billable", "Time is billed from the instances' start to the end.", _MODEL),
    Behaviour(
        "training.recipe", "The model, the epochs and the batch come from the recipe on the channel recipe.", _RECIPES
    ),
    Behaviour(
        "training.channels",
        "Data comes on train and validation with S3DataType Converse; another channel fails the job.",
        _NOVA + "nova-fine-tune-1.html",
    ),
    Behaviour(
        "training.instances",
        "Instances over the quota are a ResourceLimitExceeded that names quota, use and request.",
        _CLAIMED,
    ),
    Behaviour(
        "training.role",
        "A role that sagemaker.amazonaws.com may not assume is a ValidationException: Could not assume role.",
        _CLAIMED,
    ),
    Behaviour("training.name-taken", "A name that was used once is a ResourceInUse.", _MODEL),
    Behaviour(
        "training.logs",
        "Lines are in /aws/sagemaker/TrainingJobs, in a stream that begins with the job's name.",
        _FORGE,
    ),
    Behaviour(
        "training.log-lines", "Lines hold global_step and reduced_train_loss and end with Training is complete.", _FORGE
    ),
    Behaviour(
        "training.log-time",
        "No line is dated more than two hours after the real time, since CloudWatch refuses those.",
        _OWN,
    ),
    Behaviour(
        "training.manifest",
        "manifest.json holds checkpoint_s3_bucket: in output/output/, or in output.tar.gz under GZIP.",
        _FORGE,
    ),
    Behaviour("training.checkpoint-config", "CheckpointConfig.S3Uri of a Nova job is the escrow location.", _FORGE),
    Behaviour(
        "training.escrow", "Checkpoints lie in Amazon's bucket customer-escrow-<account>-smtj-<id>.", _NOVA_GUIDE
    ),
    Behaviour(
        "training.lists",
        "A page of ListTrainingJobs is cut before StatusEquals filters it; oldest first.",
        _SAGEMAKER + "APIReference/API_ListTrainingJobs.html",
    ),
    Behaviour(
        "iam.logic",
        "An explicit deny wins, then an allow, else it is an implicit deny.",
        _IAM + "reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html",
    ),
    Behaviour(
        "iam.scope", "Identity policies alone are simulated; no boundaries, organizations or resource policies.", _OWN
    ),
    Behaviour(
        "quotas.values",
        "Quotas have the rehearsal's own values; those for a minute bind only when a test sets them.",
        _OWN,
    ),
    Behaviour(
        "prices.layout",
        "Rows of GetProducts are JSON texts in AWS's layout.",
        "botocore 1.44.5, examples of GetProducts",
    ),
    Behaviour("prices.values", "Prices are invented and round.", _OWN),
)
"""Every rehearsed behaviour with its source; a report made in a rehearsal stands on this table."""
