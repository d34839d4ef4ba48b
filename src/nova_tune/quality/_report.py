"""The report about the quality of a data set."""

from __future__ import annotations

import attrs

from nova_tune.checks import ValidationReport


@attrs.frozen(kw_only=True)
class QualityReport(ValidationReport):
    """What was found, in the shape of a validation report: each finding a warning, the first 20 of each rule listed.

    ======================= ===================================================================================
    quality.duplicate       a record says what an earlier one says
    quality.conflict        the same prompt as an earlier one, another answer
    quality.near-duplicate  nearly the words of an earlier one: 8 in 10 of their sequences of three words
    quality.leakage         held-out data holds a prompt of the training data
    quality.near-leakage    held-out data holds nearly the words of a training record
    quality.template-leak   SQL templates of held-out data that the training data holds, counted
    quality.length          a prompt or an answer far longer or shorter than the others
    quality.mojibake        a text that was read in the wrong encoding, or lost characters
    quality.control         control characters
    quality.invisible       characters without width, or that turn the direction of writing
    quality.spaces          an odd space, such as U+00A0, in SQL or in what it answers
    quality.composition     a text that is not in Unicode's composed form (NFC)
    quality.system          several system prompts
    quality.secret          an access key, a token or a private key
    quality.personal        a card number or an IBAN whose checksum is right
    quality.balance         one answer that stands in many records, or rare labels
    quality.not-compared    records beyond those that are compared for near duplicates
    ======================= ===================================================================================

    Args:
        records: How many records were read, held-out data included.
        issues: The findings, capped for each rule.
        counts_by_rule: How often each rule found something, not capped.
        errors: Always none.
        warnings: How many findings there are.
        model: Empty: quality does not depend on it.
        platform: Empty.
    """

    def __str__(self) -> str:
        _, _, findings = super().__str__().partition("\n")
        head = f"{self.records:,} records: {self.warnings:,} finding(s) about their quality"
        return f"{head}\n{findings}" if findings else head
