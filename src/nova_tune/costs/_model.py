"""From a plan, or from plain numbers, to an estimate: which meters a job turns, and how far."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Literal

import attrs

from nova_tune.costs._bounds import Bounds
from nova_tune.costs._estimate import CostEstimate, CostLine, When
from nova_tune.costs._meters import Meters, whole
from nova_tune.costs._price import exact
from nova_tune.errors import PlanError
from nova_tune.models import Fact
from nova_tune.models import model as find_model
from nova_tune.plan import TrainingPlan
from nova_tune.values import TokenEstimate, TrainingData

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUEST_OVERHEAD_TOKENS: Fact[int] = Fact(
    40, "fit on aws-samples/amazon-bedrock-samples, advanced-prompt-optimization/data/nestful @85fba9d"
)
"""Tokens that Nova 2 Lite counted for a one-turn request beyond its text. That training bills them is assumed."""

TIERS = ("on-demand", "batch", "flex", "priority", "latency-optimized")
"""How AWS sells answers of a base model. A tuned model is served on demand alone."""

_NONE = Decimal(0)
_CLAUDE = re.compile(r"(us|global)\.anthropic\.(claude-.+)-\d{8}-v\d+:\d+")


@attrs.frozen
class CostModel(Meters):
    """The price of a job before it is launched. It calls nobody, costs nothing, and lives as long as its prices.

    Amounts are exact: quantities are whole numbers, prices are Decimal, and nothing is rounded before it is printed.

    Args:
        prices: The price book; the shipped one when it is not given.
        region: The AWS region whose prices are used. Nova is customized in us-east-1 alone.
        allow_low: Use prices of low confidence too.

    Example:
        >>> month = CostModel().monthly("nova-micro", requests=22_000, input_tokens=800, output_tokens=60)
        >>> month.total()
        Decimal('2.7508')
    """

    def training(
        self,
        source: TrainingPlan | TrainingData | None = None,
        *,
        tokens: int | TokenEstimate | None = None,
        model: str | None = None,
        epochs: int | None = None,
        runs: int = 1,
    ) -> CostEstimate:
        """What a Bedrock customization job costs: tokens x epochs x rate, and then the model's storage every month.

        The range is that of the token estimate. Two things that AWS does not document are lines of their own which
        count in the high bound alone: what the service adds to each record, and the pass over validation data.

        Args:
            source: The plan, or the data with ``model``.
            tokens: The tokens of one epoch, in place of ``source``.
            model: The model; a plan has its own.
            epochs: How often the data is read; the plan's, or AWS's default for the model.
            runs: How many such jobs, each of which leaves a model to store. Jobs that fail before training starts
                are not billed, as users report.

        Returns:
            An estimate with lines paid once and one line paid monthly.

        Raises:
            TypeError: Neither or both of ``source`` and ``tokens`` are given, no model is, or a number is not whole.
            ValueError: A number is negative.
            PlanError: There is no such model.

        Example:
            >>> CostModel().training(tokens=1_600_000, model="nova-micro", epochs=5).total()
            Decimal('8')
        """
        plan = source if isinstance(source, TrainingPlan) else None
        data = plan.train if plan else source
        if (tokens is None) == (data is None) or not isinstance(data, TrainingData | None):
            raise TypeError("training() takes a TrainingPlan, or TrainingData, or tokens=: one of them")
        if plan:
            model = plan.model if model is None else model
            epochs = plan.epochs() if epochs is None else epochs
        if model is None:
            raise TypeError("training() needs model=, such as 'nova-micro'; only a plan has its own")
        known = find_model(model)
        times = whole("epochs", int(known.hyperparameters["epochs"].default) if epochs is None else epochs, 1)
        estimate = data.tokens if data else tokens

        key = f"bedrock.{known.name}.customization.training"
        quantity = self._tokens("tokens", estimate)
        basis = estimate.basis if isinstance(estimate, TokenEstimate) else "given"
        note = f"{quantity.expected:,f} tokens ({basis}) x {_counted(times, 'epoch')}"
        lines = [self._line(f"train {known.name}", "once", key, quantity * times, "tokens", basis=basis, note=note)]
        if data and basis != "measured":
            most = REQUEST_OVERHEAD_TOKENS.value * whole("records", data.records)
            note = f"assumed: up to {REQUEST_OVERHEAD_TOKENS.value} tokens a record, in the high bound alone"
            lines.append(self._perhaps("overhead of records", key, Bounds.of(most * times), note))
        if plan and plan.validation:
            note = "assumed: AWS does not say whether it bills this, in the high bound alone"
            lines.append(self._perhaps("validation", key, Bounds.of(plan.validation.tokens) * times, note))
        return CostEstimate(lines=(*lines, self._storage(known.name, 1))) * whole("runs", runs, 1)

    def monthly(
        self,
        model: str,
        *,
        requests: int,
        input_tokens: int | TokenEstimate,
        output_tokens: int | TokenEstimate,
        custom: bool = True,
        models_stored: int | None = None,
        tier: str = "on-demand",
        cached_tokens: int = 0,
    ) -> CostEstimate:
        """What a month of answers costs, with the storage of the tuned models.

        Args:
            model: The model that answers, or the one that the answering model was tuned from. A base model may be an
                inference profile: ``us.`` costs what the region does, ``global.`` has prices of its own.
            requests: Requests a month.
            input_tokens: Tokens of one request's input.
            output_tokens: Tokens of one answer, reasoning included.
            custom: Price the tuned model; False prices the base model, whose meters are others.
            models_stored: Tuned models kept; 1 for a tuned model and 0 for the base model when it is not given.
            tier: ``"on-demand"``, or for a base model ``"batch"``, ``"flex"``, ``"priority"``, ``"latency-optimized"``.
            cached_tokens: How many of the input tokens every request reads from the prompt cache of a base model.

        Raises:
            TypeError: A number is not whole.
            ValueError: A number is negative, a tier is unknown, or a tuned model is asked for in a tier or with a
                cache or a profile that AWS does not offer for it.
            PlanError: There is no such model.

        Example:
            >>> CostModel().monthly(
            ...     "nova-micro", requests=22_000, input_tokens=800, output_tokens=60, custom=False, tier="batch"
            ... ).total()
            Decimal('0.4004')
        """
        bare = model.removeprefix("global.")
        known = find_model(bare)
        if tier not in TIERS:
            raise ValueError(f"tier is {tier!r}; it takes {', '.join(TIERS)}")
        if custom and (tier != "on-demand" or cached_tokens or bare != model):
            what = f"the tier {tier!r}" if tier != "on-demand" else "a prompt cache" if cached_tokens else "a profile"
            raise ValueError(f"a tuned {known.name} has no price for {what}: AWS serves it on demand, as a deployment")
        if bare != model and tier != "on-demand":
            raise ValueError(f"no price is known for the tier {tier!r} of a global profile; leave one of them out")
        stored = int(custom) if models_stored is None else whole("models_stored", models_stored)
        kind = "custom.on-demand" if custom else "base.global-profile" if bare != model else f"base.{tier}"
        name = f"{'tuned' if custom else 'base'} {known.name}"
        meter = f"bedrock.{known.name}"
        lines = []
        if whole("cached_tokens", cached_tokens):
            if not isinstance(input_tokens, int) or cached_tokens > input_tokens:
                raise ValueError(f"{cached_tokens} cached tokens are not a part of {input_tokens} input tokens")
            input_tokens -= cached_tokens
            key = f"{meter}.base.cache-read.input"
            lines.append(self._side(f"{name}, cached input", "monthly", key, requests=requests, tokens=cached_tokens))
        lines += self._answers(
            name,
            "monthly",
            f"{meter}.{kind}",
            requests=requests,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )
        if stored:
            lines.append(self._storage(known.name, stored))
        return CostEstimate(lines=tuple(lines))

    def evaluation(
        self,
        *,
        examples: int,
        arms: Sequence[tuple[str, Literal["base", "custom"]]],
        judge: str | None = None,
        input_tokens: int | TokenEstimate,
        output_tokens: int | TokenEstimate,
        judge_input_tokens: int | TokenEstimate = 0,
        judge_output_tokens: int | TokenEstimate = 0,
        retries: Decimal | str = "0.05",
    ) -> CostEstimate:
        """What one evaluation costs: every arm answers every example, and the judge reads every answer.

        Args:
            examples: Held-out examples.
            arms: Model and ``"base"`` or ``"custom"`` of each arm.
            judge: A Nova model, an inference profile of Claude, or the book's ``"claude-sonnet-4-5.us"``; None
                where nobody judges.
            input_tokens: Tokens of one prompt.
            output_tokens: Tokens of one answer.
            judge_input_tokens: Tokens that the judge reads for one answer.
            judge_output_tokens: Tokens that the judge writes for one answer.
            retries: The share of calls that may be asked again, in the high bound alone; assumed.

        Raises:
            TypeError: A number is not whole.
            ValueError: A number is negative, or an arm is neither base nor custom.
            PlanError: There is no such model among the arms.
        """
        calls = whole("examples", examples)
        again = exact(retries)
        lines = []
        for model, kind in arms:
            if kind not in {"base", "custom"}:
                raise ValueError(f"the arm {model!r} is {kind!r}; an arm is 'base' or 'custom'")
            known = find_model(model)
            meter = f"bedrock.{known.name}.{kind}.on-demand"
            lines += self._answers(
                f"{kind} {known.name}",
                "once",
                meter,
                requests=calls,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                retries=again,
            )
        if judge is not None:
            lines += self._answers(
                f"judge {judge}",
                "once",
                _judge_meter(judge),
                requests=calls * len(arms),
                input_tokens=judge_input_tokens,
                output_tokens=judge_output_tokens,
                retries=again,
            )
        return CostEstimate(lines=tuple(lines))

    def _answers(
        self,
        name: str,
        when: When,
        meter: str,
        *,
        requests: int,
        input_tokens: int | TokenEstimate,
        output_tokens: int | TokenEstimate,
        retries: Decimal = _NONE,
    ) -> list[CostLine]:
        sides = {"input": input_tokens, "output": output_tokens}
        return [
            self._side(f"{name}, {side}", when, f"{meter}.{side}", requests=requests, tokens=tokens, retries=retries)
            for side, tokens in sides.items()
        ]

    def _side(
        self,
        name: str,
        when: When,
        key: str,
        *,
        requests: int,
        tokens: int | TokenEstimate,
        retries: Decimal = _NONE,
    ) -> CostLine:
        calls = whole("requests", requests)
        each = self._tokens("tokens", tokens)
        basis = tokens.basis if isinstance(tokens, TokenEstimate) else "given"
        quantity = each * calls
        note = f"{_counted(calls, 'request')} x {each.expected:,f} tokens"
        if more := int((calls * retries).to_integral_value(ROUND_CEILING)):
            quantity = attrs.evolve(quantity, high=(each * (calls + more)).high)
            note += f"; up to {more:,} asked again"
        return self._line(name, when, key, quantity, "tokens", basis=basis, note=note)

    def _perhaps(self, name: str, key: str, most: Bounds, note: str) -> CostLine:
        quantity = Bounds(low=0, expected=0, high=most.high)
        return self._line(name, "once", key, quantity, "tokens", basis="assumed", note=note)

    @staticmethod
    def _tokens(name: str, tokens: Any) -> Bounds:
        return Bounds.of(tokens if isinstance(tokens, TokenEstimate) else whole(name, tokens))


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _judge_meter(judge: str) -> str:
    """The meter of a judge. A ``us.`` profile of a Nova model costs what the region does."""
    try:
        return f"bedrock.{find_model(judge.removeprefix('us.')).name}.base.on-demand"
    except PlanError:
        claude = _CLAUDE.fullmatch(judge)
        return f"bedrock.judge.{claude[2]}.{claude[1]}" if claude else f"bedrock.judge.{judge}"
